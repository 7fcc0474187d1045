// graphql-eslint over schema.graphql and the example operations, and plain words in the schema's descriptions.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { ESLint } from 'eslint';

import { CHECKOUT } from './support/checkout.js';
import { vagueWords } from './support/vague.js';

const eslint = new ESLint({
  cwd: fileURLToPath(CHECKOUT),
  overrideConfigFile: fileURLToPath(new URL('eslint.config.js', import.meta.url)),
  errorOnUnmatchedPattern: true,
});
const results = await eslint.lintFiles(['schema.graphql', 'crates/http/operations/*.graphql']);
const { format } = await eslint.loadFormatter('stylish');
const found = await format(results);

// The rule itself can fail, in code excepted.
const sample = '"""Of those\n who pay."""  type A { "For `nobody`." b("None." c: Int): Int }';
assert.deepEqual(vagueWords(sample), ['A: "those who": write "the caller"', 'A.b.c: "None": write `null` or "not set"']);
const vague = vagueWords(readFileSync(new URL('schema.graphql', CHECKOUT), 'utf8'));

if (found || vague.length > 0) {
  console.error(found, vague.join('\n'));
  process.exitCode = 1;
}
console.log(`graphql-eslint: ${results.length} files, ${vague.length} descriptions with vague words`);
