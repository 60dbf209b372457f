/**
 * A package's root for the setup of TensorFlow, with programs that play npm, Python, pip, the compiler and nvidia-smi: shell
 * scripts that write down how they were called. The setup's own files are the real ones, but for the smoke test.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { packageRoot } from '../../../src/process/package-root.ts';

/** Makes the files of a package `tensorflow` in the folder $1. */
const MAKE_TENSORFLOW = `
make_tensorflow() {
  /bin/mkdir -p "$1/include/tensorflow/c"
  : > "$1/include/tensorflow/c/c_api.h"
  : > "$1/libtensorflow_cc.so.2"
  : > "$1/libtensorflow_framework.so.2"
}`;

/** Says what it is told to, as pip and Python word it, and fails; `killed` ends its caller half way, too. */
const PYTHON = `#!/bin/sh
echo "python $*" >> "$FAKE/calls"
environment="\${0%/*}/.."
${MAKE_TENSORFLOW}
case "$*" in
  "-c import ensurepip"*)
    [ -z "$FAKE_PYTHON" ] || { echo "ModuleNotFoundError: No module named '$FAKE_PYTHON'" >&2; exit 1; } ;;
  "-m venv "*) /bin/mkdir -p "$3/bin" && /bin/cp "$0" "$3/bin/python" ;;
  *"-m pip install"*)
    if [ "$FAKE_PIP" = killed ]; then
      /bin/mkdir -p "$environment/lib/tensorflow"
      kill -9 $PPID
      exit 1
    fi
    [ -z "$FAKE_PIP" ] || { echo "$FAKE_PIP" >&2; exit 1; }
    make_tensorflow "$environment/lib/tensorflow" ;;
  "-c import importlib"*)
    if [ -d "$environment/lib/tensorflow" ]; then cd "$environment/lib/tensorflow" && pwd; else echo; fi ;;
  *) exit 9 ;;
esac
`;

const COMPILER = `#!/bin/sh
echo "g++ $*" >> "$FAKE/calls"
[ "$1" = --version ] && exit 0
[ -z "$FAKE_COMPILER" ] || { echo "$FAKE_COMPILER" >&2; exit 1; }
while [ "$1" != -o ]; do shift; done
echo "addon" > "$2"
`;

const SMOKE_TEST = `
import { appendFileSync, readFileSync } from 'node:fs';
appendFileSync(process.env.FAKE + '/calls', 'smoke test\\n');
readFileSync('.tensorflow/node_modules/@tensorflow/tfjs-node-gpu/lib/napi-v8/tfjs_binding.node');
if (process.env.FAKE_SMOKE) throw new Error(process.env.FAKE_SMOKE);
console.log(JSON.stringify({ version: '2.99.0', device: 'CPU', threads: 2 }));
`;

/** Upstream's install script, as it behaves: it rewrites its own manifest. */
const INSTALL_SCRIPT = `
const fs = require('node:fs');
fs.writeFileSync(__dirname + '/../package.json', '{}');
if (process.env.FAKE_STOCK) { console.error(process.env.FAKE_STOCK); process.exit(1); }
fs.mkdirSync(__dirname + '/../lib/napi-v8', { recursive: true });
fs.writeFileSync(__dirname + '/../lib/napi-v8/tfjs_binding.node', process.argv[2]);
`;

/** Installs what the setup asks for, of version FAKE_PACKAGE, without running a script. */
const NPM = `#!/bin/sh
[ "$1" = config ] && { echo "https://registry.example/"; exit 0; }
echo "npm $*" >> "$FAKE/calls"
[ -z "$FAKE_NPM" ] || { echo "$FAKE_NPM" >&2; exit 1; }
while [ "$1" != --prefix ]; do shift; done
[ -f "$2/package-lock.json" ] && [ -f "$2/tfjs/package.json" ] || exit 9
packages="$2/node_modules"
/bin/rm -rf "$packages"
/bin/mkdir -p "$packages/@tensorflow/tfjs-node-gpu/scripts" "$packages/node-api-headers/include"
: > "$packages/node-api-headers/include/node_api.h"
: > "$packages/.package-lock.json"
cd "$packages/@tensorflow/tfjs-node-gpu"
printf '{ "version": "%s" }' "\${FAKE_PACKAGE:-4.0.0}" > package.json
/bin/cp "$FAKE/install-script.js" scripts/install.js
`;

/** Folder of the sources of the project's own kernels. */
export const KERNELS = 'src/engine/tensorflow/native';

export interface SetupRun {
  readonly code: number | null;
  /** Lines of each, without the last end. */
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /** Programs called, with their arguments. */
  readonly calls: readonly string[];
}

export class SetupDouble {
  readonly root = mkdtempSync(join(tmpdir(), 'setup-'));
  /** The addon's package, once it is installed. */
  readonly package = this.path('.tensorflow/node_modules/@tensorflow/tfjs-node-gpu');
  readonly addon = join(this.package, 'lib/napi-v8/tfjs_binding.node');
  readonly manifest = join(this.package, 'package.json');

  constructor() {
    cpSync(join(packageRoot(), 'scripts'), this.path('scripts'), { recursive: true });
    cpSync(join(packageRoot(), KERNELS), this.path(KERNELS), { recursive: true });
    this.write('scripts/tensorflow/smoke-test.ts', SMOKE_TEST);
    this.write('package.json', '{ "type": "module" }');
    this.write('node_modules/@tensorflow/tfjs/index.js', '');
    this.write('node_modules/@tensorflow/tfjs-core/index.js', '');
    this.write('install-script.js', INSTALL_SCRIPT);
    symlinkSync(join(packageRoot(), 'node_modules', 'tsx'), this.path('node_modules/tsx'));
    this.program('python3', PYTHON);
    this.program('g++', COMPILER);
    this.program('npm', NPM);
  }

  path(name: string): string {
    return join(this.root, name);
  }

  has(name: string): boolean {
    return existsSync(this.path(name));
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), text);
  }

  /** Puts a program where the setup finds it by name. */
  program(name: string, text: string): void {
    this.write(`bin/${name}`, text);
    chmodSync(this.path(`bin/${name}`), 0o755);
  }

  /** Makes a Python environment that has a TensorFlow. */
  environmentWithTensorflow(name: string): string {
    this.write(`${name}/bin/python`, PYTHON);
    chmodSync(this.path(`${name}/bin/python`), 0o755);
    const tensorflow = `${name}/lib/tensorflow`;
    this.write(`${tensorflow}/include/tensorflow/c/c_api.h`, '');
    this.write(`${tensorflow}/libtensorflow_cc.so.2`, '');
    this.write(`${tensorflow}/libtensorflow_framework.so.2`, '');
    return this.path(tensorflow);
  }

  /** Runs the setup; `fakes` tells the programs what to say: FAKE_NPM, FAKE_PYTHON, FAKE_PIP, FAKE_COMPILER, FAKE_SMOKE, FAKE_STOCK. */
  run(args: readonly string[] = [], fakes: Readonly<Record<string, string>> = {}): SetupRun {
    this.write('calls', '');
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [this.path('scripts/setup-tensorflow.mjs'), ...args],
      {
        encoding: 'utf8',
        cwd: this.root,
        env: { PATH: this.path('bin'), FAKE: this.root, ...fakes },
      },
    );
    const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
    const calls = lines(readFileSync(this.path('calls'), 'utf8'));
    return { code: status, stdout: lines(stdout), stderr: lines(stderr), calls };
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
