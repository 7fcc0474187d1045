// Non-null fields are never `null` without an error: every query with all selectable fields, by each role and an
// anonymous caller, checked with graphql-js.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { buildSchema, getNamedType, isInterfaceType, isLeafType, isListType, isNonNullType, isRequiredArgument } from 'graphql';

import { BASE, COURIER, CUSTOMER, DIRECTOR, MANAGER } from './support/shop.js';

const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'));
const CALLERS = { customer: CUSTOMER, courier: COURIER, manager: MANAGER, director: DIRECTOR, anonymous: undefined };
/** Depth of the selections. */
const DEPTH = 3;
/** Values of required arguments by name. */
const GIVEN = { pizzeriaId: 'P1', pizza: 'MAR', size: 'M', from: '2026-01-01', to: '2026-01-31', first: 2, last: 2, position: '1' };
const QUOTE = { pizzeriaId: 'P1', fulfilment: 'TAKEAWAY', lines: [{ item: 'WATER', quantity: 1 }] };

async function ask(token, query, variables) {
  const headers = { accept: 'application/json', 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
  const response = await fetch(`${BASE}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
  return response.json();
}

/** All fields of a type, with `first: 2` for pages; for an interface those of Pizzeria, the object of `node`. */
function selection(type, depth) {
  const named = getNamedType(type);
  if (isLeafType(named)) {
    return '';
  }
  if (isInterfaceType(named)) {
    return `{ __typename ... on Pizzeria ${selection(schema.getType('Pizzeria'), depth)} }`;
  }
  const fields = Object.values(named.getFields()).filter((field) => !field.args.some(({ name, ...arg }) => isRequiredArgument(arg) && name !== 'first'));
  const selected = fields
    .filter((field) => isLeafType(getNamedType(field.type)) || depth > 0)
    .map((field) => `${field.name}${field.args.some(({ name }) => name === 'first') ? '(first: 2)' : ''} ${selection(field.type, depth - 1)}`);
  return `{ __typename ${selected.join(' ')} }`;
}

let nulls = 0;
/** Checks a value against its type. An error nulls its field and the parents up to a nullable one. */
function walk(type, value, path) {
  if (isNonNullType(type)) {
    assert.ok(value !== null && value !== undefined, `null at ${path} and no error there`);
    walk(type.ofType, value, path);
    return;
  }
  if (value === null) {
    nulls += 1;
    return;
  }
  assert.notEqual(value, undefined, `nothing at ${path}`);
  if (isListType(type)) {
    value.forEach((item, at) => walk(type.ofType, item, [...path, at]));
  } else if (!isLeafType(type)) {
    const object = schema.getType(value.__typename);
    for (const [name, part] of Object.entries(value)) {
      if (name !== '__typename') {
        walk(object.getFields()[name].type, part, [...path, name]);
      }
    }
  }
}

const ids = { order: 'order:x', delivery: 'delivery:x', pizzeria: 'P1', node: 'pizzeria:P1' };
const orders = await ask(DIRECTOR, '{ orders(first: 1) { nodes { id delivery { id } } } }');
ids.order = orders.data.orders.nodes[0]?.id ?? ids.order;
ids.delivery = orders.data.orders.nodes[0]?.delivery?.id ?? ids.delivery;

let answers = 0;
for (const [caller, token] of Object.entries(CALLERS)) {
  for (const field of Object.values(schema.getQueryType().getFields())) {
    const args = field.args.filter((arg) => isRequiredArgument(arg) || ['first'].includes(arg.name));
    const given = Object.fromEntries(args.map(({ name }) => [name, name === 'input' ? QUOTE : name === 'id' ? (ids[field.name] ?? 'x') : GIVEN[name]]));
    const declared = args.map(({ name, type }) => `$${name}: ${type}`).join(', ');
    const passed = args.map(({ name }) => `${name}: $${name}`).join(', ');
    const around = (text) => (text ? `(${text})` : '');
    // As deep as the limits on cost and fields allow.
    for (let depth = DEPTH; depth >= 0; depth -= 1) {
      const query = `query Nulls${around(declared)} { ${field.name}${around(passed)} ${selection(field.type, depth)} }`;
      const { data, errors = [] } = await ask(token, query, given);
      if (data === undefined) {
        assert.ok(errors.every(({ extensions }) => extensions.code === 'QUERY_TOO_COMPLEX'), `${query}: ${JSON.stringify(errors)}`);
        continue;
      }
      assert.ok(errors.every(({ extensions }) => extensions.code !== 'INTERNAL'), `${field.name}: ${JSON.stringify(errors)}`);
      if (data === null) {
        assert.ok(errors.length > 0, `${field.name} as ${caller}: null and no error`);
      } else {
        walk(field.type, data[field.name], [field.name]);
      }
      answers += 1;
      break;
    }
  }
}
assert.ok(answers > 60, `${answers} answers`);
console.log(`${answers} answers have null only where null may be, or an error (${nulls} nulls)`);
