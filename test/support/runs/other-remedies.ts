/**
 * Messages whose remedy test/integration/remedies.test.ts does not try itself: another test does,
 * or none can, and why; and texts that name a command or a flag and advise nothing.
 */

export interface OtherRow {
  readonly source: string;
  /** File and title of the test that tries it. */
  readonly triedIn?: readonly [file: string, title: string];
  /** Why it cannot be tried. */
  readonly untried?: string;
}

const SETUP =
  'needs a network and minutes: test/integration/scripts-setup-tensorflow.test.ts runs its parts';
const REMEDIES_E2E = 'test/e2e/remedies.test.ts';
const EXPORT = 'test/integration/export.test.ts';
const REPORT = 'test/integration/report-commands.test.ts';
const CHANGED = 'test/integration/changed-settings.test.ts';
const DIVERGED = 'a run that diverged goes on from before, by the command that its message names';

const BUDGET =
  'a slice beyond the memory budget ends before the first step, and the one that is named is within';

export const OTHERS: readonly OtherRow[] = [
  {
    source: 'fewer are faster, and may change last bits: --set cluster.threads=',
    triedIn: [
      'test/unit/launch-threads.test.ts',
      'a resumed run keeps what it began with, and says what would be faster',
    ],
  },
  {
    source: ' --set training.normGroup=${fits}',
    triedIn: [
      'test/unit/ps-idle-workers.test.ts',
      'a group of batch norm that would not lie within such a slice is named, too',
    ],
  },
  {
    source: 'a run with --set training.sliceSize=${fits}${group} has a slice for each',
    triedIn: [
      'test/unit/ps-idle-workers.test.ts',
      'more are told how many of them wait, and the size of slices that is named has some for each',
    ],
  },
  ...[
    'to stay within cluster.memoryBudget',
    'raise it (--set cluster.memoryBudget=',
    ', or take smaller images (--set data.imageSize)',
  ].map((source): OtherRow => ({ source, triedIn: ['test/e2e/suggest.test.ts', BUDGET] })),
  {
    source: 'deepcluster data verify --data says why',
    triedIn: [
      'test/integration/suggest.test.ts',
      'images of which none can be read are refused, and data verify says why',
    ],
  },
  ...[
    'start it with: deepcluster launch --config',
    'start it with: deepcluster launch --data ${',
  ].map((source): OtherRow => ({
    source,
    triedIn: [
      'test/e2e/suggest.test.ts',
      'settings that nobody gave are suggested, recorded, and kept by a resume',
    ],
  })),
  ...[
    'it does not speak TLS; start it with --credentials, or leave --credentials away here',
    'check that it was started with --credentials, and the address',
    'where it was started with --credentials, give them here too',
  ].map((source): OtherRow => ({
    source,
    triedIn: [
      'test/integration/dial-failures.test.ts',
      'credentials on one side only, of another job, of another role',
    ],
  })),
  {
    source: 'must stay ${JSON.stringify(from)} when the run is resumed',
    triedIn: [CHANGED, 'a change that is refused changes nothing: the run goes on as it was'],
  },
  {
    source: 'holds no run; name the folder that its launch was given with --out',
    triedIn: [
      'test/integration/open-run.test.ts',
      'an opened run has the parameters, clusters and whitening of its newest checkpoint',
    ],
  },
  {
    source: 'add --restart to begin again without them, or name another file with --out',
    triedIn: [
      'test/e2e/embed.test.ts',
      'parts that another call left behind are not mixed in: --restart or another --out, as the message says',
    ],
  },
  { source: 'go on from ${newest} with lower learning rates', triedIn: [CHANGED, DIVERGED] },
  {
    source: 'no checkpoint from before is left: begin another run',
    triedIn: [
      CHANGED,
      'where no checkpoint from before is left, a run that diverged is to be begun again',
    ],
  },
  {
    source: 'must not exceed the number of different features',
    triedIn: [
      'test/integration/collapse.test.ts',
      'copies of one image are refused by both algorithms, and copies of fewer images than clusters with their number',
    ],
  },
  {
    source: 'if it does not recover, begin another run, in another --out, with',
    triedIn: [
      REMEDIES_E2E,
      'a network that dies of its rates lives with those that the warning names',
    ],
  },
  {
    source: 'continue with: ',
    triedIn: [REMEDIES_E2E, 'a run that was stopped goes on by the command that it ends with'],
  },
  {
    source: 'add --wait to wait for its end',
    triedIn: [
      'test/e2e/run-folder.test.ts',
      'with --wait the second goes on once the first has been ended as the message says',
    ],
  },
  {
    source: 'or take the folder from it with --take-over',
    triedIn: [
      'test/e2e/run-folder.test.ts',
      'with --take-over the second goes on at once, and the first ends with 75',
    ],
  },
  {
    source: 'put them back, mount the share, or name where they lie now with --data; then resume',
    triedIn: [
      'test/integration/run-images.test.ts',
      'missing images end a resume with 75, the count and the first; put back, they are waited for no longer',
    ],
  },
  {
    source: 'and resume with --data ${',
    triedIn: [
      'test/integration/run-images.test.ts',
      'added images are refused with 42, and the remedy of the message goes on with those of before',
    ],
  },
  {
    source: 'put them back or mount the share, and start the worker again, with --data',
    triedIn: [
      'test/integration/run-images.test.ts',
      'a worker that finds fewer images waits for them, or ends with 75 and the count; the run goes on',
    ],
  },
  {
    source: 'or resume with --set data.maxDamagedFraction=1',
    triedIn: [
      'test/integration/damaged-images.test.ts',
      'too many damaged images stop the run after the extraction, and it goes on as its message says: ${algorithm}',
    ],
  },
  {
    source: 'take at most ${fits} (--set training.sliceSize=${fits})',
    triedIn: [
      'test/unit/nn-wasm-heap.test.ts',
      'a slice that is too large is an error that names one that fits',
    ],
  },
  {
    source: 'take fewer or smaller images at a time (--set training.sliceSize)',
    triedIn: [
      'test/unit/nn-wasm-heap.test.ts',
      'a slice that is too large is an error that names one that fits',
    ],
  },
  {
    source: 'expected a token in the metadata, got none; give --credentials',
    triedIn: [
      'test/e2e/security.test.ts',
      'a run with credentials gives the numbers of one without',
    ],
  },
  {
    source: 'make new ones with: deepcluster certs make --out DIR --renew',
    triedIn: [
      'test/unit/security-certs.test.ts',
      'is renewed with --renew: new leaves and tokens, the same authority and hosts',
    ],
  },
  {
    source: 'give every process the same images, with --data where they lie elsewhere',
    triedIn: [
      'test/integration/run-images.test.ts',
      'a worker with other or more images is refused with 42',
    ],
  },
  ...[
    'name a run with --out DIR, or its coordinator with --coordinator HOST:PORT',
    'where its folder is at hand: deepcluster status --out DIR',
  ].map((source): OtherRow => ({
    source,
    triedIn: [
      'test/e2e/status.test.ts',
      'a run is found in runs/, its coordinator by its folder; what died says how to go on, and is watched to its end',
    ],
  })),
  {
    source: '--set ${key}=…, ${environment}=…, or in a file (--config)',
    triedIn: ['test/unit/config-reference.test.ts', 'the ways that one is given by set it'],
  },
  {
    source: 'deepcluster settings lists all',
    triedIn: [
      'test/unit/config-reference.test.ts',
      'a name that none has suggests one, and the list has it',
    ],
  },
  { source: "const REMEDY = 'npx deepcluster setup'", untried: SETUP },
  {
    source: 'set it up with `npx deepcluster setup`, or take engine wasm',
    untried: `${SETUP}; engine wasm is what every run of test/e2e/faults.test.ts takes`,
  },
  { source: 'this TensorFlow has no CUDA (npx deepcluster setup', untried: SETUP },
  { source: "its addon lacks this project's kernels (npx deepcluster setup)", untried: SETUP },
  { source: 'CUDA for the GPU: npx deepcluster setup', untried: SETUP },
  { source: "this project's kernels in the addon: npx deepcluster setup", untried: SETUP },
  {
    source: 'reinstall the packages with `npm ci`',
    untried: 'it would take the packages away from the tests that run beside it',
  },
  {
    source: 'put the whole folder there (--out)',
    untried: 'a second file system needs root; test/unit/run-lock.test.ts has the refusal',
  },
  {
    source: 'layers are probed by classes: name images with some, or leave --layers out',
    triedIn: [
      'test/e2e/eval.test.ts',
      'layers without classes are refused, and left out as the message says they are not missed',
    ],
  },
  {
    source: '--per-class draws images of each class: name images with some, or leave --per-class',
    triedIn: [
      'test/e2e/eval.test.ts',
      'images of each class are drawn as many as were asked for, or what there is too little of is named',
    ],
  },
  {
    source: 'lower --per-class to ${fewest}, or name more images',
    triedIn: [
      'test/e2e/eval.test.ts',
      'images of each class are drawn as many as were asked for, or what there is too little of is named',
    ],
  },
  {
    source: "'no image can be read', 'name others with --data'",
    triedIn: [
      'test/e2e/eval.test.ts',
      'images of which none can be read are refused, and others are evaluated',
    ],
  },
  ...[
    'train for more epochs: --set epochs=',
    'fewer clusters: --set clustering.k=',
    'tens of thousands of photos: --preset small-photos',
  ].map((source): OtherRow => ({
    source,
    triedIn: [
      'test/unit/report-learning.test.ts',
      'every setting and preset that advice names exists, and takes the value it is given',
    ],
  })),
  {
    source: 'use them: deepcluster launch --credentials ${out} …',
    triedIn: [
      'test/e2e/security.test.ts',
      'a run with credentials gives the numbers of one without',
    ],
  },
  ...[
    'is there already; add --force to replace it, or name another place with --out',
    'which is no part of an export, and stays; name another place with --out',
    'where this format needs ${needed}; name another place with --out',
  ].map((source): OtherRow => ({
    source,
    triedIn: [
      EXPORT,
      'what is there stays unless --force is given, and never where it is no export',
    ],
  })),
  {
    source: 'onnxruntime-web is not installed; install it beside this package',
    triedIn: [
      REPORT,
      'without onnxruntime-web the page does without a network, and report says how to get it; installed, it helps',
    ],
  },
  {
    source: '--try-image always adds it',
    triedIn: [
      'test/unit/report-try-image.test.ts',
      'a large network is left out unless asked for, one too large for a page and a run without centroids in any case',
    ],
  },
  {
    source: 'cannot be written (${messageOf(error)}); name another place with --out',
    triedIn: [
      EXPORT,
      'a place that cannot be written, and a run that is none, are one line, and leave nothing',
    ],
  },
  {
    source: 'has no clusters yet; leave --clusters out, or wait for its first clustering',
    triedIn: [
      'test/unit/export-content.test.ts',
      'clusters of a run that has none yet are refused, and left out they are no matter',
    ],
  },
  {
    source: "compares features with its clusters' centroids; give --clusters in place of --head",
    triedIn: [
      'test/unit/export-content.test.ts',
      'a head of a network without one is refused, and its clusters are exported',
    ],
  },
  {
    source: "option '--from-torch' begins a run; leave it out with '--resume'",
    triedIn: [
      'test/integration/from-torch.test.ts',
      "'--from-torch' and '--resume' exclude each other, and without the one the other works",
    ],
  },
  {
    source: 'add --set model.sobel=${',
    triedIn: [
      'test/integration/from-torch.test.ts',
      'weights that a message says are of another network are taken by theirs',
    ],
  },
  {
    source: 'add --set data.imageSize=${',
    triedIn: [
      'test/unit/run-torch-weights.test.ts',
      'a file that would be of the network with another setting is refused with that setting, and taken with it',
    ],
  },
];

/** They name commands and flags, and advise nothing. */
export const NO_REMEDIES = [
  'markup`.swatch.run-${i} { background: var(--run-${i}); }',
  'repeatable; `deepcluster settings` lists them',
  'All settings of a run, as the program checks them',
  'This page is written from the schemas by',
  'A setting is given in a YAML or JSON file',
  'measure this machine: training, clustering, exchange; beside PyTorch and faiss with --peers',
  'folder with certificates and tokens, as deepcluster certs makes it',
  "exit.message?.includes('deepcluster launch')",
  'deepcluster launch --from-torch ${file} ...',
];

/**
 * What a message names that a person is to type: a command of ours, npm's or the shell's, or a flag
 * in a sentence.
 */
const NAMES_REMEDY =
  /deepcluster (launch|setup|certs|data|doctor|worker|server|coordinator|status|settings)\b|npm (run|ci)\b|\bchmod\b|--set \w|\((give )?--[a-z]|\b(add|give|with|leave|take|name|needs) '?--[a-z]|folder with --|in another --out|with --[a-z]/;

/**
 * A line with a text in it that names a remedy; neither a comment, nor an option's own description.
 */
export function isMessage(line: string): boolean {
  const trimmed = line.trim();
  if (/^(\*|\/\*|\/\/)/.test(trimmed) || /\.(option|description|requiredOption)\(/.test(line)) {
    return false;
  }
  const texts = trimmed.match(/'[^']*'|`[^`]*`|"[^"]*"/g) ?? [];
  return (
    texts.some((text) => NAMES_REMEDY.test(text)) ||
    (/`[^`]*$/.test(trimmed) && NAMES_REMEDY.test(trimmed))
  );
}
