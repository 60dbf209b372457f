/** The wire contract of proto/, loaded once and typed by the generated types. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ProtoGrpcType as CoordinatorTypes } from './generated/coordinator.ts';
import type { ProtoGrpcType as MemoryTypes } from './generated/memory.ts';
import type { ProtoGrpcType as ParametersTypes } from './generated/parameters.ts';
import type { ProtoGrpcType as WorkTypes } from './generated/work.ts';

/** Peers of another version are refused by name; raise it with every change of proto/. */
export const PROTOCOL_VERSION = 10;

type Wire = CoordinatorTypes['deepcluster']['v1'] &
  ParametersTypes['deepcluster']['v1'] &
  MemoryTypes['deepcluster']['v1'] &
  WorkTypes['deepcluster']['v1'];

/**
 * proto/ lies at the package's root, some folders above this file: two in the source tree, three in
 * dist/.
 */
function protoFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'proto', 'coordinator.proto'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('proto/ is missing from the installed package');
    folder = parent;
  }
  return join(folder, 'proto');
}

/** The options of scripts/proto.mjs, by which the generated types are true. */
const LOAD_OPTIONS = { longs: Number, enums: String, defaults: true, oneofs: true };

function loadWire(): Wire {
  const definition = loadSync(
    ['coordinator.proto', 'parameters.proto', 'memory.proto', 'work.proto'],
    { ...LOAD_OPTIONS, includeDirs: [protoFolder()] },
  );
  const loaded = grpc.loadPackageDefinition(definition) as unknown as {
    deepcluster: { v1: Wire };
  };
  return loaded.deepcluster.v1;
}

export const wire: Wire = loadWire();
