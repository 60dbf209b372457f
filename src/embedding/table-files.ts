/**
 * The files that an embedding makes, written a part at a time: NumPy's array with a table of
 * paths beside it, Parquet, CSV. Shapes: m rows of a part, D dimensions.
 */
import fs, { type FileHandle } from 'node:fs/promises';
import type { AssignmentDetails } from '../work/assign.ts';
import { csvFloat, csvIndex, csvText } from '../tables/csv.ts';
import { NPY_HEADER_BYTES, npyHeader } from '../tables/npy.ts';
import { createParquet, type ColumnType } from '../tables/parquet.ts';

/** By the ending of the file's name. */
export const FILE_KINDS = ['npy', 'parquet', 'csv'] as const;
export type FileKind = (typeof FILE_KINDS)[number];

export interface TableRows {
  /** [m] as people are shown them. */
  readonly paths: readonly string[];
  /** [m, D]; null: clusters alone. */
  readonly features: Float32Array | null;
  /** [m]; null where the run has not clustered yet. */
  readonly clusters: Int32Array | null;
  readonly details: AssignmentDetails | null;
}

export interface TableFile {
  write(rows: TableRows): Promise<void>;
  close(): Promise<void>;
}

/**
 * @param file of the table, and of the paths beside an array;
 * @param dim D; null: clusters alone
 */
export async function createTable(
  kind: FileKind,
  { file, paths }: { readonly file: string; readonly paths: string },
  dim: number | null,
): Promise<TableFile> {
  if (kind === 'parquet') return parquetTable(file, dim);
  if (kind === 'csv') return csvTable(file, csvColumns(dim));
  if (dim === null) throw new TypeError('an array of clusters alone');
  return npyTable(file, await csvTable(paths, ['path', 'cluster', 'distance']), dim);
}

/** With features the clusters' columns are fewer, so that many numbers follow few. */
function csvColumns(dim: number | null): string[] {
  if (dim === null) return ['path', 'cluster', 'distance', 'second', 'secondDistance'];
  return ['path', 'cluster', 'distance', ...Array.from({ length: dim }, (_, j) => `f${j}`)];
}

/** Rows whose lines are made at a time. */
const CSV_ROWS = 64;

async function csvTable(file: string, columns: readonly string[]): Promise<TableFile> {
  const handle = await fs.open(file, 'w');
  await handle.write(`${columns.join(',')}\n`);
  const hasSeconds = columns.includes('second');
  const dim = columns.filter((name) => /^f\d+$/.test(name)).length;
  return {
    write: async (rows) => {
      const { length: m } = rows.paths;
      for (let begin = 0; begin < m; begin += CSV_ROWS) {
        const length = Math.min(CSV_ROWS, m - begin);
        const lines = Array.from({ length }, (_, i) => csvLine(rows, begin + i, hasSeconds, dim));
        await writeAll(handle, Buffer.from(lines.join('')));
      }
    },
    close: () => handle.close(),
  };
}

function csvLine(rows: TableRows, row: number, hasSeconds: boolean, dim: number): string {
  const { paths, features, clusters, details } = rows;
  const fields = [
    csvText(paths[row]!),
    csvIndex(clusters?.[row] ?? -1),
    csvFloat(details?.distances[row] ?? NaN),
  ];
  if (hasSeconds) {
    fields.push(csvIndex(details?.seconds[row] ?? -1));
    fields.push(csvFloat(details?.secondDistances[row] ?? NaN));
  }
  for (let j = 0; j < dim; j += 1) fields.push(csvFloat(features![row * dim + j]!));
  return `${fields.join(',')}\n`;
}

async function npyTable(file: string, paths: TableFile, dim: number): Promise<TableFile> {
  const handle = await fs.open(file, 'w');
  await writeAll(handle, npyHeader(0, dim));
  let rows = 0;
  return {
    write: async (part) => {
      const { buffer, byteOffset, byteLength } = part.features ?? new Float32Array(0);
      await writeAll(handle, Buffer.from(buffer, byteOffset, byteLength));
      rows += part.paths.length;
      await paths.write(part);
    },
    close: async () => {
      await handle.write(npyHeader(rows, dim), 0, NPY_HEADER_BYTES, 0);
      await handle.close();
      await paths.close();
    },
  };
}

/** Rows of a row group at the most, and numbers of all features in it. */
const GROUP_ROWS = 65_536;
const GROUP_NUMBERS = 2 ** 20;

function parquetTable(file: string, dim: number | null): TableFile {
  const columns: Record<string, ColumnType> = {
    path: 'text',
    cluster: 'int32',
    distance: 'float32',
    ...(dim === null
      ? { second: 'int32', secondDistance: 'float32' }
      : { features: 'float32 list' }),
  };
  const parquet = createParquet(file, columns);
  const limit = Math.max(1, Math.min(GROUP_ROWS, Math.floor(GROUP_NUMBERS / (dim ?? 1))));
  const group: unknown[][] = Object.keys(columns).map(() => []);
  const flush = (): void => {
    if (group[0]!.length > 0) parquet.write(group);
    for (const values of group) values.length = 0;
  };
  return {
    write: (rows) => {
      rows.paths.forEach((path, row) => {
        rowValues(rows, path, row, dim).forEach((value, column) => group[column]!.push(value));
        if (group[0]!.length === limit) flush();
      });
      return Promise.resolve();
    },
    close: () => {
      flush();
      parquet.close();
      return Promise.resolve();
    },
  };
}

function rowValues(
  { features, clusters, details }: TableRows,
  path: string,
  row: number,
  dim: number | null,
): unknown[] {
  const known = [path, clusters?.[row] ?? null, orNull(details?.distances[row])];
  if (dim !== null) {
    return [...known, Array.from(features!.subarray(row * dim, (row + 1) * dim))];
  }
  const second = details?.seconds[row] ?? -1;
  return [...known, second < 0 ? null : second, orNull(details?.secondDistances[row])];
}

function orNull(value = NaN): number | null {
  return Number.isNaN(value) ? null : value;
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done);
    done += bytesWritten;
  }
}
