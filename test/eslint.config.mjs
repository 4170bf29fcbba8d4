import { fileURLToPath } from 'node:url';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const root = fileURLToPath(new URL('..', import.meta.url));
const noDefaultExport = { selector: 'ExportDefaultDeclaration', message: 'Name what you export.' };
const noSleep = {
  selector: "CallExpression[callee.name='setTimeout'][arguments.0.name=/^(resolve|r|res|done|ok)$/]",
  message: 'Wait for an event, not for time to pass.',
};

export default defineConfig(
  {
    ignores: ['dist/', 'coverage/', '.cache/', 'test/pack/fixtures/', 'test/bench/peers/', 'example-app/data/'],
  },
  {
    files: ['**/*.ts', '**/*.mts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: root } },
    rules: {
      eqeqeq: ['error', 'always'],
      'no-else-return': ['error', { allowElseIf: false }],
      'no-throw-literal': 'off',
      'no-restricted-syntax': ['error', noDefaultExport],
      'prefer-const': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/return-await': ['error', 'in-try-catch'],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // What attach gives is bound, and so are the hooks that it takes.
      '@typescript-eslint/unbound-method': 'off',
      // A method is async because its contract says so, whether or not this implementation waits.
      '@typescript-eslint/require-await': 'off',
      // `Express.Locals` is merged into a namespace.
      '@typescript-eslint/no-namespace': ['error', { allowDeclarations: true }],
    },
  },
  {
    files: ['lib/**/*.ts', 'lib/**/*.mts'],
    rules: { 'no-console': 'error' },
  },
  {
    files: ['test/**/*.ts', 'example-app/**/*.ts'],
    rules: {
      // Parsed JSON and answers of HTTP test clients are `any`; a test looks at them as they are.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-base-to-string': 'off',
      // An app that throws what is no error is a case to test.
      '@typescript-eslint/only-throw-error': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      // chai: `expect(x).to.be.true`.
      '@typescript-eslint/no-unused-expressions': 'off',
    },
  },
  {
    files: ['test/**/*.ts'],
    // Benches pace themselves; a server that starts can only be asked until it answers.
    ignores: ['test/bench/**', 'test/servers/**'],
    rules: {
      'no-restricted-syntax': ['error', noDefaultExport, noSleep],
      // Mocha takes async listeners, and tests hand wrong things in on purpose.
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
    },
  },
);
