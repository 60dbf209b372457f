/**
 * Lint: typescript-eslint's strict typed rules, and the folder rules of the project: who may import whom, where a package
 * has its home, what stays pure. One block per folder holds its whole list, since a later block replaces an earlier one.
 */
import { builtinModules } from 'node:module';
import tseslint from 'typescript-eslint';

/** Folders of src that each folder may import, besides its own files and errors.ts. */
const MAY_IMPORT = {
  math: [],
  clustering: ['math'],
  ps: ['math'],
  data: ['math', 'config/thread'],
  nn: ['engine', 'ps/layout'],
  engine: ['math', 'clustering', 'config/thread', 'config/package-root', 'ps/layout'],
  checkpoint: ['config/failpoints'],
  rpc: ['ps/layout', 'security'],
  security: [],
  servers: ['rpc', 'ps', 'clustering', 'checkpoint', 'config/failpoints', 'security'],
  telemetry: [],
  evaluation: ['math', 'clustering'],
  report: ['math'],
  run: ['config/failpoints', 'config/run-folder'],
};

/** Packages with a home: nothing else imports them. zod is at home wherever a schema is. */
const PACKAGES = {
  tensor: '^@tensorflow/',
  grpc: '^(@grpc/|grpc-health-check$|protobufjs)',
  images: '^sharp$',
  lists: '^csv-parse',
  yaml: '^yaml$',
  terminal: '^(winston|cli-progress)$',
  commands: '^commander$',
  certificates: '^(@peculiar/|reflect-metadata)',
};

/** Pure, but for the hashes by which peers know each other's plans. */
const HASHED = ['src/ps/layout.ts', 'src/ps/parameter-plan.ts'];
const PURE_FOLDERS = ['math', 'clustering', 'ps'];

const packagesBut = (...homes) =>
  Object.entries(PACKAGES)
    .filter(([name]) => !homes.includes(name))
    .map(([name, regex]) => ({ regex, message: `the ${name} package has its home elsewhere` }));

/**
 * Imports of a folder of src: its own files, errors.ts, and what MAY_IMPORT grants.
 * `depth` is how far below src the importing file lies: 1, 2 in a sub-folder, 3 in one of that.
 */
function importsOf(folder, depth) {
  const granted = MAY_IMPORT[folder].map((name) =>
    name.includes('/') ? `${name}\\.ts$` : `${name}/`,
  );
  return [
    {
      regex: `^${'\\.\\./'.repeat(depth)}(?!${['errors\\.ts$', ...granted].join('|')})`,
      message: `src/${folder} may import only: ${['errors', ...MAY_IMPORT[folder]].join(', ')}`,
    },
    ...packagesBut(...(HOMES[folder] ?? [])),
  ];
}

const restrictImports = (files, patterns) => ({
  files,
  rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] },
});

const HOMES = {
  data: ['images', 'lists'],
  engine: ['tensor'],
  nn: ['tensor'],
  rpc: ['grpc'],
  security: ['certificates'],
  telemetry: ['terminal'],
};

/** What a pure folder does not touch: every built-in module is about the world outside. */
const NODE_MODULES = builtinModules.flatMap((name) => [name, `node:${name}`]);

export default tseslint.config(
  {
    ignores: [
      '.tensorflow/',
      'dist/',
      'runs/',
      'demo-run*/',
      'src/rpc/generated/',
      'node_modules/',
    ],
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_' },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // A loop bound or a regular expression proves what the type of an indexed access cannot.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      // node:test returns promises that its runner awaits.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', package: 'node:test', name: ['test', 'it', 'describe', 'suite'] },
          ],
        },
      ],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      'no-console': 'off',
    },
  },
  ...Object.keys(MAY_IMPORT).map((folder) =>
    restrictImports([`src/${folder}/*.ts`], importsOf(folder, 1)),
  ),
  ...Object.keys(MAY_IMPORT).map((folder) =>
    restrictImports([`src/${folder}/*/**/*.ts`], importsOf(folder, 2)),
  ),
  restrictImports(['src/engine/*/*/**/*.ts'], importsOf('engine', 3)),
  restrictImports(
    ['src/config/**/*.ts'],
    [
      {
        regex: '^\\.\\./(?!errors\\.ts$|[a-z]+/config\\.ts$|engine/registry\\.ts$)',
        message: 'src/config imports the schemas of src, the names of engines, and errors',
      },
      ...packagesBut('yaml'),
    ],
  ),
  restrictImports(
    ['src/cli/**/*.ts'],
    [
      {
        regex: '^\\.\\./\\.\\./(?!((coordinator|worker)/main|bench/(bench|chaos))\\.ts$)',
        message: 'src/cli imports src, the two mains and the benchmark',
      },
      ...packagesBut('commands'),
    ],
  ),
  restrictImports(['src/errors.ts'], [{ regex: '.', message: 'src/errors.ts imports nothing' }]),
  ...['coordinator', 'worker'].flatMap((folder) => {
    const other = folder === 'coordinator' ? 'worker' : 'coordinator';
    const rules = [
      {
        regex: `^\\.\\./(\\.\\./)*(?!src/)`,
        message: `${folder} imports src only, never ${other}`,
      },
      ...(folder === 'coordinator'
        ? [{ regex: '/(nn|engine)/', message: 'the coordinator runs without a tensor library' }]
        : []),
    ];
    return [
      restrictImports([`${folder}/**/*.ts`], [...rules, ...packagesBut()]),
      restrictImports([`${folder}/*service.ts`], [...rules, ...packagesBut('grpc')]),
    ];
  }),
  {
    files: PURE_FOLDERS.map((folder) => `src/${folder}/**/*.ts`),
    rules: {
      'no-restricted-globals': [
        'error',
        ...[
          'process',
          'performance',
          'fetch',
          'console',
          'setTimeout',
          'setInterval',
          'setImmediate',
          'crypto',
        ].map((name) => ({
          name,
          message: 'pure folder: time, randomness and configuration are arguments',
        })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'pure folder: randomness is an argument' },
        { object: 'Date', property: 'now', message: 'pure folder: time is an argument' },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: "NewExpression[callee.name='Date']",
          message: 'pure folder: time is an argument',
        },
      ],
    },
  },
  {
    // The base rule stands beside the typed one above, so that neither replaces the other's list.
    files: PURE_FOLDERS.map((folder) => `src/${folder}/**/*.ts`),
    ignores: HASHED,
    rules: { 'no-restricted-imports': ['error', { paths: NODE_MODULES }] },
  },
  {
    files: HASHED,
    rules: {
      'no-restricted-imports': [
        'error',
        { paths: NODE_MODULES.filter((name) => !/^(node:)?crypto$/.test(name)) },
      ],
    },
  },
  {
    files: ['**/*.mjs', '**/*.js'],
    extends: [tseslint.configs.recommended],
    rules: { eqeqeq: 'error' },
  },
);
