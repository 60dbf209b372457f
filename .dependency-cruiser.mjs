/**
 * The rooms of the house: which folder may import which, where a package has its home, and no circles anywhere,
 * types included. Checked by `npm run check`; a rule's comment is what the check prints.
 */

/** Folders of src that each folder of src may import, besides its own files and errors.ts. */
const MAY_IMPORT = {
  math: [],
  messages: [],
  process: [],
  tables: [],
  clustering: ['math', 'arrays'],
  ps: ['math', 'messages', 'parameter-plane/kernels'],
  // Memory that processes share, and long loops over vectors; it knows nothing of runs.
  'parameter-plane': ['math', 'process', 'ps/lent-vector', 'ps/gradient-arrays'],
  arrays: ['messages'],
  data: ['math', 'process'],
  engine: ['math', 'clustering', 'process', 'ps'],
  // Networks are computed by the engine that they are given; no engine knows of networks.
  nn: [
    'math',
    'ps',
    'engine',
    'clustering/prototypes',
    'clustering/nearest-two',
    'clustering/swapped-prediction',
  ],
  checkpoint: ['arrays', 'process'],
  security: [],
  telemetry: ['process', 'security'],
  rpc: ['arrays', 'ps', 'parameter-plane', 'security', 'process'],
  'server-clients': ['math', 'arrays', 'rpc', 'ps', 'clustering', 'process', 'security'],
  evaluation: ['math', 'clustering'],
  // Files that TensorBoard reads.
  tensorboard: ['data/source/path-bytes'],
  report: ['math', 'process/package-root'],
  // A folder an algorithm, over the pure arithmetic of clustering; its network is named by a setting.
  algorithms: [
    ...['math', 'arrays', 'clustering', 'rpc', 'server-clients', 'telemetry', 'report'],
    ...['nn/config', 'ps/config'],
  ],
  // Composes the schemas that stand beside their owners.
  config: ['messages', 'process', '[a-z-]+/config', 'algorithms', 'engine/registry'],
  // Any images through a run's network, into files.
  embedding: ['.'],
  neighbours: ['.'],
  // What a saved run is: opened by the coordinator, the worker and the commands alike.
  run: ['.'],
  // A trained network in the formats of others.
  export: [
    ...['algorithms', 'arrays', 'checkpoint', 'clustering', 'data/pixels', 'engine', 'math', 'nn'],
    ...['process', 'ps', 'run'],
  ],
  // The kinds of work: the coordinator orders and takes, the worker performs.
  work: [
    'algorithms/work',
    ...['arrays', 'clustering', 'config', 'data', 'evaluation', 'math', 'process', 'ps'],
    ...['rpc', 'run', 'server-clients', 'telemetry'],
  ],
  // Settings that suit a collection and a machine, and what a network costs there.
  suggest: ['.'],
  // A whole run on one machine: starts the program's own processes.
  launch: ['.'],
  cli: ['.'],
};

/** Packages with a home: nothing else imports them. zod is at home wherever a schema is. */
const PACKAGE_HOMES = {
  '@tensorflow/': '^(src/(nn|engine|export/tensorflow)|bench)/',
  'onnxruntime-web/': '^src/export/onnx/',
  '(@grpc/|grpc-health-check/|protobufjs/)':
    '^(src/(rpc|tensorboard|export)/|coordinator/fleet/[a-z-]+\\.ts$|server/[a-z]+-service\\.ts$|worker/service\\.ts$)',
  'sharp/': '^src/data/',
  'csv-parse/': '^src/data/source/',
  'yaml/': '^src/config/',
  '(winston|cli-progress)/': '^src/telemetry/',
  'hyparquet-writer/': '^src/tables/',
  'prom-client/': '^coordinator/dashboard/',
  'commander/': '^src/cli/',
  'umap-js/': '^src/run/report/',
  '(@peculiar/|reflect-metadata/)': '^src/security/',
};

/** Pure: no clock, network, disk or environment; the first two hash the plans by which peers know each other. */
const PURE = '^src/(math|clustering|ps)/';
const HASHED = '^src/ps/(layout|parameter-plan)\\.ts$';

/** The coordinator's decisions: functions of a state, an event and the time. */
const DECISIONS =
  '^coordinator/(term-state|ticker|control/(state|transition|draft|failure-policy|placement|stragglers)' +
  '|fleet/(fleet-state|fleet-transition|superseded|worker-admission)|record/checkpoint-cadence)\\.ts$';

const forbid = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

const folderRules = Object.entries(MAY_IMPORT).map(([folder, granted]) => {
  const names = granted.map((name) => (name === '.' ? '' : name.includes('/') ? name : `${name}/`));
  return forbid(
    `src-${folder}`,
    `src/${folder} may import only errors.ts and, of src: ${granted.join(', ') || 'nothing'}`,
    { path: `^src/${folder}/` },
    { path: '^src/', pathNot: `^src/(errors\\.ts$|${[`${folder}/`, ...names].join('|')})` },
  );
});

const packageRules = Object.entries(PACKAGE_HOMES).map(([name, home]) =>
  forbid(
    `home-of-${/[a-z]+/.exec(name)[0]}`,
    `the package has its home elsewhere: ${home}`,
    { path: '^(src|coordinator|server|worker|bench)/', pathNot: home },
    { path: `node_modules/${name}` },
  ),
);

export default {
  forbidden: [
    forbid(
      'no-circles',
      'files that import each other in a circle hold one idea, or a type that belongs in a file of its own',
      { pathNot: '^src/rpc/generated/' },
      { circular: true },
    ),
    forbid(
      'errors-import-nothing',
      'src/errors.ts imports nothing',
      { path: '^src/errors\\.ts$' },
      {},
    ),
    forbid('tests-are-leaves', 'nothing imports test', { pathNot: '^test/' }, { path: '^test/' }),
    forbid(
      'src-is-the-library',
      'src imports src; a command imports the mains and the benchmark too',
      { path: '^src/', pathNot: '^src/cli/commands/' },
      {
        path: '^(coordinator|server|worker|bench)/',
        pathNot: '^bench/(bench|chaos/chaos|clustering-plane/plane|modes/modes|ps/ps)\\.ts$',
      },
    ),
    forbid(
      'commands-start-mains',
      'of a process a command knows its main.ts only',
      { path: '^src/cli/commands/' },
      { path: '^(coordinator|server|worker)/', pathNot: '/main\\.ts$' },
    ),
    forbid(
      'page-script-apart',
      "the report's script is put together from its own folder alone (src/report/client-script.ts)",
      { path: '^src/report/client/' },
      { pathNot: '^src/report/client/' },
    ),
    forbid(
      'coordinator-apart',
      'the coordinator imports src, and the server that it may hold inside',
      { path: '^coordinator/' },
      { path: '^(worker|bench)/' },
    ),
    forbid(
      'server-apart',
      'the server imports src',
      { path: '^server/' },
      { path: '^(coordinator|worker|bench)/' },
    ),
    forbid(
      'worker-apart',
      'the worker imports src',
      { path: '^worker/' },
      { path: '^(coordinator|server|bench)/' },
    ),
    forbid(
      'pure',
      'pure folders: clock, disk, network and environment are arguments',
      { path: PURE, pathNot: HASHED },
      { dependencyTypes: ['core'] },
    ),
    forbid(
      'hashes-only',
      'these files hash, and are pure but for that',
      { path: HASHED },
      { dependencyTypes: ['core'], pathNot: '^(node:)?crypto$' },
    ),
    forbid(
      'decisions-are-pure',
      'what the coordinator decides is a function of what it is given: no clock, disk or network',
      { path: DECISIONS },
      { dependencyTypes: ['core', 'npm'] },
    ),
    forbid('resolvable', 'what is imported must be there', {}, { couldNotResolve: true }),
    ...folderRules,
    ...packageRules,
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Imports of types alone count: a circle of types is one all the same.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.mjs', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
};
