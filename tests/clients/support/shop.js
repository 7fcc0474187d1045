// The server that the scripts are run against, and the people who use it: told by the environment.
import { readFileSync, readdirSync } from 'node:fs';

import { parse, print, separateOperations } from 'graphql';

import { CHECKOUT } from './checkout.js';

function setting(name) {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set: see tests/clients/README.md`);
  }
  return value;
}

/** Where the API is, `http://127.0.0.1:8080`. */
export const BASE = setting('OCPIZZA_URL');
/** Bearer tokens: a customer's, and that of the manager of P1. */
export const CUSTOMER = setting('OCPIZZA_CUSTOMER_TOKEN');
export const MANAGER = setting('OCPIZZA_MANAGER_TOKEN');

/** The headers of somebody. */
export function bearer(token) {
  return { authorization: `Bearer ${token}` };
}

function examples() {
  const folder = new URL('graphql/operations/', CHECKOUT);
  const found = new Map();
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.graphql'))) {
    const document = parse(readFileSync(new URL(file, folder), 'utf8'));
    for (const [name, operation] of Object.entries(separateOperations(document))) {
      found.set(name, print(operation));
    }
  }
  return found;
}

/** The text of every example operation of graphql/operations, with its fragments, by its name. */
export const OPERATIONS = examples();

/** The text of an example operation. */
export function operation(name) {
  const text = OPERATIONS.get(name);
  if (!text) {
    throw new Error(`no example operation ${name}`);
  }
  return text;
}

/** Executes an example operation with nothing but `fetch`, straight to the server. */
export async function execute(token, name, variables) {
  const answer = await fetch(`${BASE}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...bearer(token) },
    body: JSON.stringify({ query: operation(name), operationName: name, variables }),
  });
  const { data, errors } = await answer.json();
  if (errors) {
    throw new Error(`${name}: ${JSON.stringify(errors)}`);
  }
  return data;
}
