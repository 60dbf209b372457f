/** An engine is added: a folder of src/engine and a line. It computes on wasm, under a name of its own. */
import type { Addition } from './addition.ts';

export const ENGINE: Addition = {
  name: 'an engine',
  files: {
    'src/engine/double/engine.ts': `/** Computes on wasm, under another name. */
import type { LoadEngine } from '../engine.ts';
import { loadEngine as loadWasm } from '../wasm/engine.ts';

export const loadEngine: LoadEngine = async (options) => {
  const make = await loadWasm(options);
  return (why) => ({ ...make(why), name: 'double', reason: \`double: \${why}\` });
};
`,
  },
  lines: [
    {
      file: 'src/engine/registry.ts',
      behind: 'wasm: {',
      line: '  double: { usesGpus: false, hasOwnHeap: true },',
    },
  ],
  trial: `
    import { startEngine } from './src/engine/start.ts';
    import { measureGemm } from './src/engine/probe.ts';
    const engine = await startEngine('double', { threads: 1 });
    measureGemm(engine);
    console.log(engine.name + ' computes: ' + engine.reason);
    await engine.close();
  `,
};
