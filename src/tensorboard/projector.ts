/**
 * What TensorBoard's embedding projector reads from a folder: `projector_config.pbtxt`, and of each
 * embedding its points and their metadata as tab-separated values, and a square sheet of
 * thumbnails. Source: TensorBoard's plugins/projector, projector_config.proto and
 * projector_plugin.py. Its own bounds are a sheet of at most 8192 px a side, and 10,000 points for
 * t-SNE. Shapes: n points, d dimensions.
 */
import { shownPath } from '../data/source/path-bytes.ts';

export interface Embedding {
  /** Also what its files are called: lower-case letters. */
  readonly name: string;
  /** [n, dim] finite numbers, n > 0. */
  readonly values: Float32Array;
  readonly dim: number;
  /** Names of the metadata: two or more, since the plugin takes a single one for values. */
  readonly columns: readonly string[];
  /** [n] as many fields each as there are columns. */
  readonly rows: readonly (readonly string[])[];
  readonly sheet: {
    /** PNG; point i is cell i, row by row, as many rows as columns. */
    readonly png: Buffer;
    /** Of a cell [px]. */
    readonly side: number;
  };
}

export interface ProjectorFile {
  readonly name: string;
  readonly content: string | Uint8Array | Iterable<string>;
}

/** The name that the plugin looks for. */
export const PROJECTOR_CONFIG = 'projector_config.pbtxt';

/** Points whose lines are made at a time: some 100,000 numbers. */
const POINTS_AT_A_TIME = 256;

/**
 * In the order in which they are to be written: the configuration, which names the others, last.
 */
export function projectorFiles(embeddings: readonly Embedding[]): ProjectorFile[] {
  const files = embeddings.flatMap((embedding) => {
    const { tensor, metadata, sprite } = fileNames(embedding);
    return [
      { name: tensor, content: { [Symbol.iterator]: () => pointLines(embedding) } },
      { name: metadata, content: metadataLines(embedding) },
      { name: sprite, content: embedding.sheet.png },
    ];
  });
  return [...files, { name: PROJECTOR_CONFIG, content: embeddings.map(configOf).join('') }];
}

function fileNames({ name }: Embedding) {
  return { tensor: `${name}.tsv`, metadata: `${name}-metadata.tsv`, sprite: `${name}-sprite.png` };
}

/** A message of projector_config.proto in protobuf's text format. */
function configOf(embedding: Embedding): string {
  const { tensor, metadata, sprite } = fileNames(embedding);
  const { name, rows, dim, sheet } = embedding;
  return `embeddings {
  tensor_name: "${name}"
  tensor_path: "${tensor}"
  tensor_shape: ${rows.length}
  tensor_shape: ${dim}
  metadata_path: "${metadata}"
  sprite {
    image_path: "${sprite}"
    single_image_dim: ${sheet.side}
    single_image_dim: ${sheet.side}
  }
}
`;
}

/**
 * A line a point. Text, since the plugin takes bytes for text wherever they happen to be UTF-8, as
 * zeros are.
 */
function* pointLines({ values, dim, rows }: Embedding): Generator<string> {
  for (let begin = 0; begin < rows.length; begin += POINTS_AT_A_TIME) {
    const end = Math.min(rows.length, begin + POINTS_AT_A_TIME);
    const lines = Array.from({ length: end - begin }, (_, i) => {
      const point = values.subarray((begin + i) * dim, (begin + i + 1) * dim);
      return `${Array.from(point, shortNumber).join('\t')}\n`;
    });
    yield lines.join('');
  }
}

/** Six digits, which no eye can tell from all. */
function shortNumber(value: number): string {
  return String(Number(value.toPrecision(6)));
}

/** A header and a line a point; tabs and ends of lines within a field are escaped: `\x09`. */
function metadataLines({ columns, rows }: Embedding): string {
  return [columns, ...rows].map((fields) => `${fields.map(shownPath).join('\t')}\n`).join('');
}
