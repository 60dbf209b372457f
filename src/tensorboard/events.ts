/**
 * Events as TensorBoard reads them: scalars, histograms and images by tag and step. Source:
 * TensorFlow's event.proto and summary.proto, of which this is the part that is used, with their
 * field numbers.
 */
import protobuf from 'protobufjs';
import { frameRecord } from './tf-record.ts';

const SCHEMA = `
syntax = "proto3";
package tensorboard;
message Event {
  double wall_time = 1;
  int64 step = 2;
  oneof what { string file_version = 3; Summary summary = 5; SessionLog session_log = 7; }
}
message Summary { repeated Value value = 1; }
message Value {
  string tag = 1;
  oneof value { float simple_value = 2; Image image = 4; Histogram histo = 5; }
}
message Image { int32 height = 1; int32 width = 2; int32 colorspace = 3; bytes encoded_image_string = 4; }
message Histogram {
  double min = 1; double max = 2; double num = 3; double sum = 4; double sum_squares = 5;
  repeated double bucket_limit = 6 [packed = true];
  repeated double bucket = 7 [packed = true];
}
message SessionLog { enum Status { NONE = 0; START = 1; } Status status = 1; }
`;

const EVENT = protobuf.parse(SCHEMA, { keepCase: true }).root.lookupType('tensorboard.Event');

/** A picture in a format that browsers read. */
export interface EventImage {
  readonly width: number;
  readonly height: number;
  /** PNG or JPEG. */
  readonly encoded: Uint8Array;
  /** 3: red, green and blue; 4: and transparency. */
  readonly channels: 3 | 4;
}

export type EventValue =
  | { readonly tag: string; readonly scalar: number }
  | { readonly tag: string; readonly histogram: ArrayLike<number> }
  | { readonly tag: string; readonly image: EventImage };

/** First record of every file. @param seconds wall time */
export function versionRecord(seconds: number): Buffer {
  return encode({ wall_time: seconds, file_version: 'brain.Event:2' });
}

/**
 * Values of this step and later ones that came before are void: the run goes on from an earlier
 * one.
 */
export function restartRecord(seconds: number, step: number): Buffer {
  return encode({ wall_time: seconds, step, session_log: { status: 1 } });
}

/** Numbers that are not finite are left out: a scalar is then missing, as it should be. */
export function valuesRecord(seconds: number, step: number, values: readonly EventValue[]): Buffer {
  const value = values
    .filter((one) => !('scalar' in one) || Number.isFinite(one.scalar))
    .map(({ tag, ...one }) => ({ tag, ...contentOf(one) }));
  return encode({ wall_time: seconds, step, summary: { value } });
}

type Content =
  | { readonly scalar: number }
  | { readonly histogram: ArrayLike<number> }
  | { readonly image: EventImage };

function contentOf(value: Content): object {
  if ('scalar' in value) return { simple_value: value.scalar };
  if ('histogram' in value) return { histo: histogramOf(value.histogram) };
  const { width, height, encoded, channels } = value.image;
  return { image: { width, height, colorspace: channels, encoded_image_string: encoded } };
}

/** Buckets of equal width between the least and the greatest value. */
const BUCKETS = 30;

export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly num: number;
  readonly sum: number;
  readonly sum_squares: number;
  /** Upper limits, ascending; the first bucket has what lies below the first limit. */
  readonly bucket_limit: readonly number[];
  readonly bucket: readonly number[];
}

/** Of the finite ones among some numbers. */
export function histogramOf(values: ArrayLike<number>): Histogram {
  let [min, max, num, sum, squares] = [Infinity, -Infinity, 0, 0, 0];
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
    num += 1;
    sum += value;
    squares += value * value;
  }
  if (num === 0) {
    return {
      ...{ min: 0, max: 0, num, sum, sum_squares: squares },
      bucket_limit: [0],
      bucket: [0],
    };
  }
  const width = (max - min) / BUCKETS;
  const buckets = width === 0 ? 1 : BUCKETS;
  const bucket = new Array<number>(buckets).fill(0);
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    const place = width === 0 ? 0 : Math.min(buckets - 1, Math.floor((value - min) / width));
    bucket[place] = bucket[place]! + 1;
  }
  const bucket_limit = bucket.map((_, i) => (i === buckets - 1 ? max : min + (i + 1) * width));
  return { min, max, num, sum, sum_squares: squares, bucket_limit, bucket };
}

function encode(event: object): Buffer {
  return frameRecord(EVENT.encode(EVENT.create(event)).finish());
}
