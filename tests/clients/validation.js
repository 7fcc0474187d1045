// graphql-js and the server validate the same documents with the same verdict: those of the corpus and those
// generated from the schema. The documents are not executed: another operation of the same document is.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { buildSchema, parse, specifiedRules, validate } from 'graphql';

import { BASE, DIRECTOR } from './support/shop.js';
import { invalid, stricter, valid } from './validation/corpus.js';
import { generated } from './validation/generated.js';

const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'));
/** Concurrent requests. */
const AT_ONCE = 8;
/**
 * What a document is refused with: `BAD_USER_INPUT` is for literals that are not values of their types, `QUERY_TOO_COMPLEX` for
 * fragments that contain themselves.
 */
const REFUSALS = ['GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED', 'BAD_USER_INPUT', 'QUERY_TOO_COMPLEX'];
const BYSTANDER = 'query Bystander { __typename }';

function parsed(text) {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** The document with an executed operation beside its own; an unnamed one is a query, and is executed. */
function beside(text) {
  const anonymous = parsed(text)?.definitions.some(({ kind, name }) => kind === 'OperationDefinition' && !name);
  return anonymous ? { query: text } : { query: `${text}\n${BYSTANDER}`, operationName: 'Bystander' };
}

/** Errors of graphql-js. */
function reference(text) {
  const document = parsed(text);
  return document ? validate(schema, document, specifiedRules).map(({ message }) => message) : ['syntax error'];
}

/** Errors of the server before execution: those of execution come with data. */
async function verdict(body) {
  const headers = { accept: 'application/graphql-response+json', 'content-type': 'application/json', authorization: `Bearer ${DIRECTOR}` };
  const response = await fetch(`${BASE}/graphql`, { method: 'POST', headers, body: JSON.stringify(body) });
  const answer = await response.json();
  if ('data' in answer) {
    return [];
  }
  // A missing variable of an executed query is not a fault of its document.
  const errors = answer.errors.filter(({ message }) => !message.startsWith('the variable $') || !message.endsWith(' is required'));
  for (const { message, extensions } of errors) {
    assert.ok(REFUSALS.includes(extensions.code), `${extensions.code}: ${message}\n${body.query}`);
    assert.equal(response.status, 400, body.query);
  }
  return errors.map(({ message, extensions }) => `${extensions.code}: ${message}`);
}

const cases = [];
for (const [expected, rules] of [[true, valid], [false, invalid]]) {
  for (const [rule, documents] of Object.entries(rules)) {
    cases.push(...documents.map((text) => ({ rule, expected, text })));
  }
}
assert.ok(cases.length >= 250, `${cases.length} documents are in the corpus`);
cases.push(...generated(schema).map((text) => ({ rule: 'generated', text })));

let agreed = 0;
let refused = 0;
async function compare({ rule, expected, text }) {
  const body = beside(text);
  const theirs = reference(body.query);
  const ours = await verdict(body);
  refused += theirs.length > 0 ? 1 : 0;
  if (expected !== undefined && expected !== (theirs.length === 0)) {
    console.error(`${rule}: the corpus is wrong about this for graphql-js (${theirs}):\n  ${text}`);
    process.exitCode = 1;
  } else if ((theirs.length === 0) !== (ours.length === 0)) {
    console.error(`${rule}: graphql-js says [${theirs}], the server says [${ours}]:\n  ${text}`);
    process.exitCode = 1;
  } else {
    agreed += 1;
  }
}

for (const [reason, text] of stricter) {
  const body = beside(text);
  assert.deepEqual(reference(body.query), [], `graphql-js refuses it now: move it into the corpus (${reason})`);
  assert.notDeepEqual(await verdict(body), [], reason);
}

const waiting = [...cases];
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await compare(next);
    }
  }),
);
console.log(`graphql-js and the server agree on ${agreed} of ${cases.length} documents, ${refused} of them refused`);
