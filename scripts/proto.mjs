/** Generates the TypeScript types of proto/*.proto into src/rpc/generated; `--check` only says whether they are fresh. */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageProgram, root, runCommand } from './run-command.mjs';

const TARGET = join(root, 'src', 'rpc', 'generated');

async function generate(target) {
  const protos = readdirSync(join(root, 'proto')).filter((file) => file.endsWith('.proto'));
  const { exitCode, output } = await runCommand([
    ...packageProgram('@grpc/proto-loader/build/bin/proto-loader-gen-types.js'),
    ...['--grpcLib=@grpc/grpc-js', '--longs=Number', '--enums=String', '--defaults', '--oneofs'],
    ...['--keepCase=false', '--importFileExtension=.ts'],
    ...['-O', target, '-I', 'proto', '--', ...protos.sort()],
  ]);
  if (exitCode !== 0) throw new Error(`proto-loader-gen-types failed:\n${output}`);
}

/** Relative path to content, of all files below a folder. */
function filesBelow(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return new Map(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(folder.length + 1), readFileSync(path, 'utf8')]),
  );
}

function differences(expected, found) {
  const names = [...new Set([...expected.keys(), ...found.keys()])].sort();
  return names.filter((name) => expected.get(name) !== found.get(name));
}

async function check() {
  const folder = mkdtempSync(join(tmpdir(), 'proto-types-'));
  try {
    await generate(folder);
    const stale = differences(filesBelow(folder), filesBelow(TARGET));
    if (stale.length === 0) return 0;
    const list = stale.map((name) => `  src/rpc/generated/${name}\n`).join('');
    process.stderr.write(`not what proto/ would generate; run npm run proto:\n${list}`);
    return 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv.includes('--check')) {
  process.exitCode = await check();
} else {
  rmSync(TARGET, { recursive: true, force: true });
  await generate(TARGET);
}
