/** The files of TensorBoard's embedding projector, read without what wrote them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';

export interface ReadEmbedding {
  readonly name: string;
  readonly shape: readonly number[];
  /** A row a point. */
  readonly points: readonly (readonly number[])[];
  /** By point: its metadata by column. */
  readonly metadata: readonly Readonly<Record<string, string>>[];
  readonly sprite: {
    /** Of the sheet [px]. */
    readonly width: number;
    readonly height: number;
    /** Of a thumbnail [px]. */
    readonly side: number;
  };
  /** By point: the middle pixel of its thumbnail, [red, green, blue]. */
  readonly centres: readonly (readonly number[])[];
}

/**
 * All embeddings of a folder that its configuration names.
 * @throws AssertionError where files do not fit each other
 */
export async function readProjector(folder: string): Promise<ReadEmbedding[]> {
  const config = readFileSync(join(folder, 'projector_config.pbtxt'), 'utf8');
  const blocks = config.split(/^embeddings \{$/m).slice(1);
  return Promise.all(blocks.map((block) => readEmbedding(folder, block)));
}

async function readEmbedding(folder: string, block: string): Promise<ReadEmbedding> {
  const texts = (field: string): string[] =>
    Array.from(
      block.matchAll(new RegExp(`^ *${field}: "([^"\\\\]*)"$`, 'gm')),
      ([, text]) => text!,
    );
  const numbers = (field: string): number[] =>
    Array.from(block.matchAll(new RegExp(`^ *${field}: (\\d+)$`, 'gm')), ([, text]) =>
      Number(text),
    );
  const linesOf = (field: string): string[][] => {
    const text = readFileSync(join(folder, texts(field)[0]!), 'utf8');
    assert.ok(text.endsWith('\n'));
    return text
      .slice(0, -1)
      .split('\n')
      .map((line) => line.split('\t'));
  };
  const shape = numbers('tensor_shape');
  const points = linesOf('tensor_path').map((line) => line.map(Number));
  assert.deepEqual([points.length, ...new Set(points.map((point) => point.length))], shape);
  const [header, ...rows] = linesOf('metadata_path');
  assert.equal(rows.length, points.length);
  const metadata = rows.map((row) => {
    assert.equal(row.length, header!.length);
    return Object.fromEntries(row.map((field, i) => [header![i]!, field]));
  });
  const [side, ...others] = [...new Set(numbers('single_image_dim'))];
  assert.deepEqual(others, [], 'square thumbnails');
  const png = sharp(join(folder, texts('image_path')[0]!));
  assert.equal((await png.metadata()).format, 'png');
  const { data, info } = await png.raw().toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const columns = Math.floor(width / side!);
  const centres = points.map((_, i) => {
    const x = (i % columns) * side! + side! / 2;
    const y = Math.floor(i / columns) * side! + side! / 2;
    return [...data.subarray((y * width + x) * channels).subarray(0, 3)];
  });
  const sprite = { width, height, side: side! };
  return { name: texts('tensor_name')[0]!, shape, points, metadata, sprite, centres };
}
