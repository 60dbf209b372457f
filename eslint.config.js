/**
 * Lint: typescript-eslint's strict typed rules, and that pure folders take time and randomness as
 * arguments. Who may import whom is checked by .dependency-cruiser.mjs.
 */
import tseslint from 'typescript-eslint';

const PURE_FOLDERS = ['math', 'clustering', 'ps'];

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
    files: ['**/*.mjs', '**/*.js'],
    extends: [tseslint.configs.recommended],
    rules: { eqeqeq: 'error' },
  },
);
