/** A kind of work is added: a file of src/work and a line. */
import type { Addition } from './addition.ts';

export const WORK_KIND: Addition = {
  name: 'a kind of work',
  files: {
    'src/work/longest-row.ts': `/** Finds the longest feature of a data shard. */
import { arrayOf } from '../arrays/bundle.ts';
import { shardKey, type WorkKind } from './kind.ts';

export type LongestRowWork = { readonly kind: 'longestRow'; readonly shard: number };

export interface LongestRowOrder {
  readonly shard: number;
}

/** L2 norm of the longest row; 0 for a data shard without rows. */
export interface LongestRow {
  readonly norm: number;
}

export const longestRow: WorkKind<LongestRowWork, LongestRowOrder, LongestRow> = {
  name: 'longestRow',
  phase: 'longestRow',
  timedAs: null,
  needs: 'extracted',
  makes: 'none',
  readsImages: false,
  isBackedUp: false,
  key: shardKey,

  encodeOrder: ({ shard }) => Uint8Array.of(shard),
  decodeOrder: (body) => ({ shard: body[0] ?? 0 }),

  perform: ({ shard }, { epoch }, { held }) => {
    const { features, dim } = held.of(epoch, shard, false);
    let norm = 0;
    for (let begin = 0; begin < features.length; begin += dim) {
      norm = Math.max(norm, Math.hypot(...features.subarray(begin, begin + dim)));
    }
    return Promise.resolve({ norm });
  },

  encodeResult: ({ norm }) => ({ arrays: { norm: { data: Float64Array.of(norm), shape: [1] } } }),
  decodeResult: ({ arrays }) => ({ norm: arrayOf(arrays, 'norm', Float64Array)[0] ?? 0 }),
};
`,
  },
  lines: [
    {
      file: 'src/work/built-in.ts',
      behind: './kmeans-step.ts',
      line: "export { longestRow } from './longest-row.ts';",
    },
  ],
  trial: `
    import { kindNamed } from './src/work/kinds.ts';
    const kind = kindNamed('longestRow');
    const order = kind.decodeOrder(kind.encodeOrder({ shard: 3 }));
    const held = { of: () => ({ features: Float32Array.of(3, 4, 1, 0), dim: 2 }) };
    const result = await kind.perform(order, { epoch: 0 }, { held });
    const { arrays } = kind.encodeResult(result);
    console.log(JSON.stringify({ order, result: kind.decodeResult({ header: {}, arrays }) }));
  `,
};
