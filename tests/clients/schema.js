// The schema by graphql-inspector: the served schema equals schema.graphql, which breaks nothing of the last
// release (docs/releases).
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';

import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildClientSchema, buildSchema, getIntrospectionQuery } from 'graphql';

import { CHECKOUT } from './support/checkout.js';
import { BASE } from './support/shop.js';

function read(path) {
  return buildSchema(readFileSync(new URL(path, CHECKOUT), 'utf8'));
}

/** The latest release by version. */
function lastRelease() {
  const releases = readdirSync(new URL('docs/releases/', CHECKOUT)).flatMap((file) => {
    const version = file.match(/^schema-(\d+)\.(\d+)\.(\d+)\.graphql$/)?.slice(1).map(Number);
    return version ? [{ file, version }] : [];
  });
  assert.ok(releases.length > 0, 'docs/releases holds no schema');
  return releases.sort((a, b) => a.version.reduce((order, part, at) => order || part - b.version[at], 0)).at(-1).file;
}

async function served() {
  const answer = await fetch(`${BASE}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
    body: JSON.stringify({ query: getIntrospectionQuery({ specifiedByUrl: true, inputValueDeprecation: true }) }),
  });
  const { data, errors } = await answer.json();
  assert.equal(errors, undefined);
  return buildClientSchema(data);
}

const ours = read('schema.graphql');

// Introspection omits directives on fields: the roles of @requires are in the file only.
const differences = (await diff(await served(), ours)).filter(({ type }) => !type.startsWith('DIRECTIVE_USAGE_'));
for (const { message } of differences) {
  console.error(`served and schema.graphql differ: ${message}`);
}

const release = lastRelease();
const changes = await diff(read(`docs/releases/${release}`), ours);
const breaking = changes.filter(
  ({ criticality, type }) => criticality.level === CriticalityLevel.Breaking && !type.startsWith('DIRECTIVE_USAGE_'),
);
for (const { message, criticality } of breaking) {
  console.error(`breaks ${release}: ${message} ${criticality.reason ?? ''}`);
}

if (differences.length + breaking.length > 0) {
  process.exitCode = 1;
}
console.log(
  `graphql-inspector: ${differences.length} differences between the served schema and schema.graphql; ` +
    `${breaking.length} breaking changes since ${release}, ${changes.length} changes in all`,
);
