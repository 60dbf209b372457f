/**
 * Parquet files written part after part: each call of `write` is a row group, so that memory
 * holds one of them at a time. Columns may have nulls; pages are compressed by Snappy. The
 * encoding is that of the package hyparquet-writer.
 */
import { ParquetWriter, fileWriter } from 'hyparquet-writer';

export type ColumnType = 'text' | 'int32' | 'float32' | 'float32 list';

/** Values of some rows; null where one is not known. */
export type ColumnValues = readonly unknown[] | Int32Array | Float32Array;

export interface ParquetFile {
  /** @param values of each column, in the order of the columns, all as long */
  write(values: readonly ColumnValues[]): void;
  close(): void;
}

/** @param columns type of each, by name, in their order */
export function createParquet(
  file: string,
  columns: Readonly<Record<string, ColumnType>>,
): ParquetFile {
  const names = Object.keys(columns);
  const writer = new ParquetWriter({
    writer: fileWriter(file),
    schema: [
      { name: 'root', num_children: names.length },
      ...Object.entries(columns).flatMap(([name, type]) => schemaOf(name, type)),
    ],
    createdBy: 'deepcluster-ps',
  });
  return {
    write: (values) => {
      const columnData = values.map((data, i) => ({
        name: names[i]!,
        data: data as unknown[],
        // Of random numbers no value comes twice: there is nothing for a dictionary to save.
        ...(columns[names[i]!] === 'float32 list' ? { encoding: 'PLAIN' as const } : {}),
      }));
      void writer.write({ columnData, rowGroupSize: Math.max(1, values[0]!.length) });
    },
    close: () => {
      void writer.finish();
    },
  };
}

type SchemaElement = ConstructorParameters<typeof ParquetWriter>[0]['schema'][number];

function schemaOf(name: string, type: ColumnType): SchemaElement[] {
  switch (type) {
    case 'text':
      return [{ name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' }];
    case 'int32':
      return [{ name, type: 'INT32', repetition_type: 'OPTIONAL' }];
    case 'float32':
      return [{ name, type: 'FLOAT', repetition_type: 'OPTIONAL' }];
    case 'float32 list':
      return [
        { name, repetition_type: 'REQUIRED', num_children: 1, converted_type: 'LIST' },
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        { name: 'element', type: 'FLOAT', repetition_type: 'REQUIRED' },
      ];
  }
}
