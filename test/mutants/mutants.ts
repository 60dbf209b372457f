/**
 * Bugs that the simulation, or the test they name, must catch: each a change of the source, as
 * someone might make it.
 */
import { CODEC_MUTANTS } from './codec-mutants.ts';
import { FOLDED_WORK } from './folded-work.ts';

import { MEMORY_MUTANTS } from './memory-mutants.ts';
import { LOCAL_MUTANTS } from './local-mutants.ts';
import { OVERLAP_MUTANTS } from './overlap-mutants.ts';
import type { Mutant } from './mutant.ts';
import { UNIT_MUTANTS } from './unit-mutants.ts';

const STORE = 'src/ps/parameter-store.ts';
const MEMBERS = 'coordinator/control/members.ts';
const TRAIN = 'coordinator/run/train-epoch.ts';

const LOCK = 'src/run/lock/run-lock.ts';
const TERMS = 'coordinator/terms.ts';
const CONDUCT = 'coordinator/run/conduct-run.ts';

export const MUTANTS: readonly Mutant[] = [
  ...UNIT_MUTANTS,
  ...MEMORY_MUTANTS,
  ...CODEC_MUTANTS,
  ...LOCAL_MUTANTS,
  ...OVERLAP_MUTANTS,
  {
    name: 'two coordinators in one folder: a claim that another made first counts',
    patches: [
      {
        file: LOCK,
        find: 'if (!store.claim(term, holder)) continue;',
        replace: 'store.claim(term, holder);',
      },
    ],
  },
  {
    name: 'two coordinators in one folder: who takes it over does not fence the one before',
    patches: [
      {
        file: LOCK,
        find: `fenceEarlier(store, term);
      // Somebody`,
        replace: '// Somebody',
      },
    ],
  },
  {
    name: 'two coordinators in one folder: a holder is taken for dead at the first look',
    patches: [
      {
        file: LOCK,
        find: 'if (silentLooks >= looksOfLease)',
        replace: 'if (silentLooks >= Math.min(1, looksOfLease))',
      },
    ],
  },
  {
    name: 'two coordinators in one folder: the silence of one holder counts against the next',
    patches: [
      {
        file: LOCK,
        find: 'seen !== null && (seen.term !== newest || seen.beat !== beat)',
        replace: 'seen !== null && seen.term === newest && seen.beat !== beat',
      },
    ],
  },
  {
    name: 'two coordinators in one folder: a writer does not look whether the folder is still its own',
    patches: [
      {
        file: LOCK,
        find: 'if (this.#store.isOpen(this.#term)) return true;',
        replace: 'return true;',
      },
    ],
  },
  {
    name: 'a duplicate push is counted',
    patches: [
      {
        file: STORE,
        find: `if (known !== undefined && isUnchanged(known)) return { kind: 'duplicate' };`,
        replace: `if (known !== undefined) {
      const gradient = push.gradient.map((value, i) => value + known.gradient[i]!);
      stage.put({ ...push, gradient });
      return { kind: 'staged' };
    }`,
      },
    ],
  },
  {
    name: 'an old incarnation is accepted: a new process does not take the leases of the old one',
    patches: [
      {
        file: MEMBERS,
        find: `if (earlier !== undefined) {
    const isSame`,
        replace: `if (earlier?.incarnation === incarnation) {
    const isSame`,
      },
    ],
  },
  {
    name: 'an old incarnation is accepted: its heartbeats keep the leases of the new one alive',
    patches: [
      {
        file: MEMBERS,
        find: 'if (member?.incarnation !== incarnation) return `${workerId} is not a member`;',
        replace: 'if (member === undefined) return `${workerId} is not a member`;',
      },
    ],
  },
  {
    name: 'a step is committed with one shard missing',
    patches: [
      {
        file: 'src/server-clients/parameter-servers.ts',
        find: 'const reply = await server.commit(step, slices, learningRateFactor, either);',
        replace: `const isForgotten = shardIndex > 0 && step % 2 === 1;
      const reply = isForgotten
        ? ({ outcome: 'APPLIED', version: step + 1, missing: [] } as const)
        : await server.commit(step, slices, learningRateFactor, either);`,
      },
    ],
  },
  {
    name: 'the final clusters are those of the parameters before the last step',
    patches: [
      {
        file: 'coordinator/run/cluster-at-end.ts',
        find: 'await clusterFinally(config.epochs, version, {',
        replace: 'await clusterFinally(config.epochs, version - 1, {',
      },
    ],
  },
  {
    name: 'a clustering of the end that is done again begins with other centroids',
    patches: [
      {
        file: 'coordinator/run/cluster-at-end.ts',
        find: 'await clusterFinally(config.epochs, version, {',
        replace: 'await clusterFinally(config.epochs - 1, version, {',
      },
    ],
  },
  {
    name: "the sampler's position is not in the checkpoint",
    patches: [
      {
        file: 'src/run/checkpoint-content.ts',
        find: `      counters,
      final: final?.figures ?? null,`,
        replace: `      counters,
      position: { ...state.position, index: 0 },
      final: final?.figures ?? null,`,
      },
    ],
  },
  {
    name: 'an ODC row is mixed twice: rows take effect when they are pushed, and again at the commit',
    patches: [
      {
        file: 'server/parameter-shard.ts',
        find: `this.#stage.put(push.generation, rows);`,
        replace: `{
      this.#stage.put(push.generation, rows);
      const { first, stride, dim } = this.#keeper!.shape;
      rows.ids.forEach((id, i) => {
        const row = rows.rows.subarray(i * dim, (i + 1) * dim);
        this.#keeper!.rows.set(row, ((id - first) / stride) * dim);
      });
    }`,
      },
    ],
  },
  {
    name: 'calls of an earlier term are taken',
    patches: [
      {
        file: 'server/parameter-host.ts',
        find: `    if (term < this.#held.term) throw fenced(term, this.#held.term);
    return this.#held.shard;`,
        replace: `    return this.#held.shard;`,
      },
    ],
  },
  {
    name: 'the ledger counts a step before it is committed',
    patches: [
      {
        file: TRAIN,
        find: 'const taken = await takeStep(due, deps);',
        replace: `dispatcher.dispatch({ type: 'stepCommitted', ...draws, skipped: 0 });
  const taken = await takeStep(due, deps);`,
      },
      {
        file: TRAIN,
        find: `await deps.stepApplied(step);
  dispatcher.dispatch({ type: 'stepCommitted', ...draws, skipped: count - samples });`,
        replace: 'await deps.stepApplied(step);',
      },
    ],
  },
  {
    name: 'a slice is computed without the images that cannot be read',
    patches: [
      {
        file: 'src/work/slice/views.ts',
        find: 'const { pixels, damaged } = await readable(largeViews(slice, tools), others, tools);',
        replace: `const { pixels, damaged, rows } = await tools.times.views(largeViews(slice, tools));
  for (const name of ['pseudoLabels', 'lossWeights', 'ids']) {
    slice.samples[name] = slice.samples[name].filter((_value, row) => rows.includes(row));
  }`,
      },
      {
        file: TRAIN,
        find: 'if (got === ordered) return;',
        replace: 'return;',
      },
    ],
  },
  ...FOLDED_WORK,
  {
    name: 'features that are made again may lack an image',
    patches: [
      {
        file: 'coordinator/images/missing-images.ts',
        find: 'if (taskKey(lease.work) !== lease.task) return lacking.length > 0;',
        replace: 'if (taskKey(lease.work) !== lease.task) return false;',
      },
    ],
  },
  {
    name: 'a head reset that comes again resets the head again',
    patches: [
      {
        file: STORE,
        find: `if (epoch <= this.#headEpoch) return { kind: 'duplicate', version: this.#version };`,
        replace: '',
      },
    ],
  },
  {
    name: 'a commit that comes again is applied again',
    patches: [
      {
        file: STORE,
        find: 'if (step < this.#step) return this.#repeatedCommit(step, generations);',
        replace: `if (step < this.#step) {
      this.#values.compute(this.#last, learningRateFactor);
      this.#values.takeEffect();
      return this.#repeatedCommit(step, generations);
    }`,
      },
      {
        file: STORE,
        find: `    this.#committed = generations;
    this.#dropStage(step);`,
        replace: `    this.#committed = generations;
    this.#last = this.#pushesOf(step, generations);
    this.#dropStage(step);`,
      },
      {
        file: STORE,
        find: '  /** Generation by slice of step #step - 1',
        replace: '  #last: readonly SlicePush[] = [];\n  /** Generation by slice of step #step - 1',
      },
    ],
  },
  {
    name: 'a term goes on under the number of the one before',
    patches: [
      {
        file: TERMS,
        find: "const term = await onceThereIsRoom('the term', () => folder.beginTerm(), this.#deps);",
        replace: `const again = this.#term;
        const term =
          again ?? (await onceThereIsRoom('the term', () => folder.beginTerm(), this.#deps));
        this.#term = term;`,
      },
      {
        file: TERMS,
        find: '  #state: TermState;',
        replace: '  #state: TermState;\n  #term: number | null = null;',
      },
    ],
  },
  {
    name: 'workers of a term that is over are not sent away',
    patches: [
      { file: TERMS, find: "service.pause('waiting for parameter servers');", replace: '' },
    ],
  },
  {
    name: 'a term after a lost server begins the run anew',
    patches: [
      {
        file: TERMS,
        find: 'this.#runTerm({ ...servers, term, resume, ended, times }),',
        replace:
          'this.#runTerm({ ...servers, term, ended, times, resume: this.#deps.resume && resume }),',
      },
    ],
  },
  {
    name: 'a term whose server is lost goes on waiting for its workers',
    patches: [
      {
        file: TERMS,
        find: "ended.addEventListener('abort', stop, { once: true });",
        replace: '',
      },
    ],
  },
  {
    name: 'a server that was asked to end leaves with steps that no checkpoint has',
    patches: [{ file: CONDUCT, find: 'loop.checkpointThen(release);', replace: 'release();' }],
  },
  {
    name: "a server leaves while the checkpoint of an epoch's end is being taken",
    first: 4_500,
    patches: [
      {
        file: 'coordinator/record/checkpoint-cadence.ts',
        find: "stage === 'train' || savedVersion !== version",
        replace: "stage === 'train'",
      },
    ],
  },
  {
    name: 'crops that are made again are normalised with other images than before',
    patches: [
      {
        file: 'src/work/extract.ts',
        find: `  const batches = batchesOf(own, config.training.sliceSize).map((batch) =>
    batch.filter((id) => !isLeftOut.has(id)),
  );`,
        replace: `  const all = own.filter((id) => !isLeftOut.has(id));
  const batches = batchesOf(all, config.training.sliceSize);`,
      },
    ],
  },
  {
    name: 'a server process that another one replaced may come again',
    patches: [
      {
        file: 'coordinator/fleet/superseded.ts',
        find: "if (superseded.has(incarnation)) return 'refused';",
        replace: '',
      },
    ],
  },
  {
    name: 'a new process of a part does not end the term of the one before',
    patches: [
      {
        file: 'coordinator/fleet/fleet-transition.ts',
        find: "place === 'taken' && earlier !== undefined",
        replace: "place === 'refused' && earlier !== undefined",
      },
    ],
  },
  {
    name: 'a SwAV queue has images of its own step, as many as lie before the slice',
    patches: [
      {
        file: 'src/algorithms/swav/queue.ts',
        find: 'return Math.floor(place / stepSize) * stepSize;',
        replace: 'return place;',
      },
    ],
  },
  {
    name: 'a worker keeps the rows of a SwAV queue beyond the step',
    patches: [
      {
        file: 'src/algorithms/swav/work.ts',
        find: 'const key = `${parameterVersion}/${begin}`;',
        replace: 'const key = `${epoch}`;',
      },
    ],
  },
  {
    name: 'SwAV learns its prototypes from the first epoch on',
    patches: [
      {
        file: 'src/algorithms/swav/work.ts',
        find: 'order.epoch < this.#config.freezeEpochs',
        replace: 'order.epoch < this.#config.freezeEpochs - 1',
      },
    ],
  },
];
