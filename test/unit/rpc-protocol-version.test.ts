/**
 * A change of proto/ raises PROTOCOL_VERSION: test/oracle/protocol-versions.json has a digest of the
 * contract for each version, over what travels and not over comments or the order of lines.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import protobuf from 'protobufjs';
import { packageRoot } from '../../src/process/package-root.ts';
import { PROTOCOL_VERSION } from '../../src/rpc/definitions.ts';

const RECORD = 'test/oracle/protocol-versions.json';

/** One line for each field, value of an enum and method that the files declare, sorted. */
function contractLines(sources: readonly string[]): string[] {
  const root = new protobuf.Root();
  for (const source of sources) protobuf.parse(source, root, { keepCase: true });
  root.resolveAll();
  return linesOf(root).sort();
}

function linesOf(thing: protobuf.ReflectionObject): string[] {
  const name = thing.fullName;
  if (thing instanceof protobuf.Field) {
    const map = thing instanceof protobuf.MapField ? `map<${thing.keyType}> ` : '';
    const repeated = thing.repeated ? 'repeated ' : '';
    const type = thing.resolvedType?.fullName ?? thing.type;
    return [
      `${name} = ${thing.id}: ${map}${repeated}${type} of ${thing.partOf?.name ?? 'no'} oneof`,
    ];
  }
  if (thing instanceof protobuf.Enum) {
    return Object.entries(thing.values).map(([value, id]) => `${name}.${value} = ${id}`);
  }
  if (thing instanceof protobuf.Method) {
    const stream = (isStream = false): string => (isStream ? 'stream ' : '');
    const request = `${stream(thing.requestStream)}${thing.resolvedRequestType!.fullName}`;
    const response = `${stream(thing.responseStream)}${thing.resolvedResponseType!.fullName}`;
    return [`${name}: ${request} -> ${response}`];
  }
  const parts: protobuf.ReflectionObject[] = [];
  if (thing instanceof protobuf.Namespace) parts.push(...thing.nestedArray);
  if (thing instanceof protobuf.Type) parts.push(...thing.fieldsArray);
  if (thing instanceof protobuf.Service) parts.push(...thing.methodsArray);
  return parts.flatMap(linesOf);
}

function digestOf(sources: readonly string[]): string {
  return createHash('sha256').update(contractLines(sources).join('\n')).digest('hex');
}

function protoSources(): string[] {
  const folder = join(packageRoot(), 'proto');
  const files = readdirSync(folder).filter((file) => file.endsWith('.proto'));
  return files.map((file) => readFileSync(join(folder, file), 'utf8'));
}

test('the wire contract is the one that its version had from the beginning', () => {
  const versions = JSON.parse(readFileSync(join(packageRoot(), RECORD), 'utf8')) as Record<
    string,
    string
  >;
  const digest = digestOf(protoSources());
  const next = PROTOCOL_VERSION + 1;
  assert.equal(
    versions[PROTOCOL_VERSION],
    digest,
    `proto/ is not that of version ${PROTOCOL_VERSION} any more: raise PROTOCOL_VERSION ` +
      `to ${next} in src/rpc/definitions.ts, and add "${next}": "${digest}" to ${RECORD}`,
  );
  const numbers = Object.keys(versions).map(Number);
  assert.equal(Math.max(...numbers), PROTOCOL_VERSION, 'no version is left behind');
  assert.equal(new Set(Object.values(versions)).size, numbers.length, 'each version is another');
});

test('a digest changes with a field, its number, its type or a method, not with a comment or the order', () => {
  const contract = `
    syntax = "proto3";
    package p;
    service S { rpc Ask(A) returns (stream B); }
    message A { int32 x = 1; oneof one { string y = 2; B z = 3; } }
    message B { repeated float values = 1; map<string, int32> counts = 2; }
    enum E { ZERO = 0; ONE = 1; }`;
  const digest = digestOf([contract]);
  for (const [from, to] of [
    ['int32 x = 1', 'int64 x = 1'],
    ['int32 x = 1', 'int32 x = 4'],
    ['int32 x = 1', 'int32 w = 1'],
    ['int32 x = 1', 'repeated int32 x = 1'],
    ['oneof one { string y = 2; B z = 3; }', 'string y = 2; B z = 3;'],
    ['B z = 3;', 'B z = 3; bool more = 5;'],
    ['map<string, int32>', 'map<int32, int32>'],
    ['ONE = 1', 'ONE = 2'],
    ['returns (stream B)', 'returns (B)'],
    ['rpc Ask(A)', 'rpc Ask(B)'],
  ] as const) {
    assert.ok(contract.includes(from), from);
    assert.notEqual(digestOf([contract.replace(from, to)]), digest, `${from} -> ${to}`);
  }
  const first = '    message A {';
  const moved = contract.replace(first, `    // a remark\n    enum F { NONE = 0; }\n${first}`);
  assert.notEqual(digestOf([moved]), digest);
  assert.equal(digestOf([moved.replace('enum F { NONE = 0; }', '')]), digest, 'a remark');
  const [head, last] = contract.split('    enum E');
  const swapped = head!.replace('    message B', `    enum E${last!}\n    message B`);
  assert.equal(digestOf([swapped]), digest, 'another order');
});
