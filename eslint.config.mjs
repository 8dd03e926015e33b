import tseslint from 'typescript-eslint';

/** Typed linting of everything that is TypeScript. Style is prettier's; import direction is dependency-cruiser's. */
export default tseslint.config(
  { ignores: ['dist/**', 'src/gen/**', 'node_modules/**', '.local/**', '**/*.cjs', '**/*.mjs'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/explicit-member-accessibility': ['error', { accessibility: 'no-public' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/only-throw-error': 'off',
      // withTx hands on refusals, which are errors, typed as unknown.
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      eqeqeq: 'error',
      'no-console': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Export by name, so that one word finds every use.' },
        { selector: 'ForInStatement', message: 'Use for…of over Object.entries.' },
      ],
    },
  },
  {
    files: ['test/**'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/unbound-method': 'off',
      // expect.objectContaining and its kin are typed any.
      '@typescript-eslint/no-unsafe-argument': 'off',
      // A function that must return a promise need not have anything to wait for.
      '@typescript-eslint/require-await': 'off',
    },
  },
);
