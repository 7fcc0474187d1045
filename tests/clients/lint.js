// graphql-eslint over schema.graphql and the example operations.
import { fileURLToPath } from 'node:url';

import { ESLint } from 'eslint';

import { CHECKOUT } from './support/checkout.js';

const eslint = new ESLint({
  cwd: fileURLToPath(CHECKOUT),
  overrideConfigFile: fileURLToPath(new URL('eslint.config.js', import.meta.url)),
  errorOnUnmatchedPattern: true,
});
const results = await eslint.lintFiles(['schema.graphql', 'graphql/operations/*.graphql']);
const { format } = await eslint.loadFormatter('stylish');
const found = await format(results);
if (found) {
  console.error(found);
  process.exitCode = 1;
}
console.log(`graphql-eslint: ${results.length} files`);
