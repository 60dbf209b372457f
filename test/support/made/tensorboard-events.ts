/** Event files read by their wire format alone: what is written by a schema is checked without it. */
import assert from 'node:assert/strict';
import protobuf from 'protobufjs';
import { frameRecord } from '../../../src/tensorboard/tf-record.ts';

export interface ReadEvent {
  readonly step: number;
  readonly version: string;
  readonly tags: readonly string[];
  readonly scalars: ReadonlyMap<string, number>;
  readonly images: ReadonlyMap<string, ReadImage>;
  readonly restarts: boolean;
}

export interface ReadImage {
  readonly height: number;
  readonly width: number;
  readonly colorspace: number;
  readonly encoded: Buffer;
}

/** @throws AssertionError where a record's length or checksum is wrong */
export function readEvents(file: Buffer): ReadEvent[] {
  const events: ReadEvent[] = [];
  for (let at = 0; at < file.length;) {
    const length = Number(file.readBigUInt64LE(at));
    const data = file.subarray(at + 12, at + 12 + length);
    assert.deepEqual(file.subarray(at, at + 16 + length), frameRecord(data));
    events.push(readEvent(data));
    at += 16 + length;
  }
  return events;
}

/** Field numbers of TensorFlow's event.proto: 2 step, 3 file_version, 5 summary, 7 session_log. */
function readEvent(data: Uint8Array): ReadEvent {
  const [step] = fieldsOf(data, 2);
  const [version] = fieldsOf(data, 3);
  const [summary] = fieldsOf(data, 5);
  const scalars = new Map<string, number>();
  const images = new Map<string, ReadImage>();
  const tags: string[] = [];
  for (const value of summary === undefined ? [] : fieldsOf(summary as Uint8Array, 1)) {
    const [tag] = fieldsOf(value as Uint8Array, 1);
    const [scalar] = fieldsOf(value as Uint8Array, 2);
    const name = Buffer.from(tag as Uint8Array).toString();
    tags.push(name);
    if (scalar !== undefined) scalars.set(name, scalar as number);
    const [image] = fieldsOf(value as Uint8Array, 4);
    if (image !== undefined) images.set(name, readImage(image as Uint8Array));
  }
  return {
    ...{ step: (step ?? 0) as number, tags, scalars, images },
    version: version === undefined ? '' : Buffer.from(version as Uint8Array).toString(),
    restarts: fieldsOf(data, 7).length > 0,
  };
}

/** Field numbers of summary.proto: 1 height, 2 width, 3 colorspace, 4 encoded_image_string. */
function readImage(data: Uint8Array): ReadImage {
  const number = (field: number): number => fieldsOf(data, field)[0] as number;
  const encoded = Buffer.from(fieldsOf(data, 4)[0] as Uint8Array);
  return { height: number(1), width: number(2), colorspace: number(3), encoded };
}

/** Values of one field, in order: numbers, or bytes. */
function fieldsOf(data: Uint8Array, wanted: number): (number | Uint8Array)[] {
  const reader = protobuf.Reader.create(data);
  const found: (number | Uint8Array)[] = [];
  while (reader.pos < reader.len) {
    const key = reader.uint32();
    const [field, wire] = [key >>> 3, key & 7];
    if (field !== wanted) {
      reader.skipType(wire);
      continue;
    }
    if (wire === 0) found.push(Number(reader.int64()));
    else if (wire === 1) found.push(reader.double());
    else if (wire === 5) found.push(reader.float());
    else found.push(reader.bytes());
  }
  return found;
}
