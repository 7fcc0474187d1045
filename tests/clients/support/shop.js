// The server and accounts of the scripts, from environment variables.
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

/** URL of the API, `http://127.0.0.1:8080`. */
export const BASE = setting('OCPIZZA_URL');
/** Bearer tokens: of a customer, of a courier and the manager of P1, and of the director. */
export const CUSTOMER = setting('OCPIZZA_CUSTOMER_TOKEN');
export const COURIER = setting('OCPIZZA_COURIER_TOKEN');
export const MANAGER = setting('OCPIZZA_MANAGER_TOKEN');
export const DIRECTOR = setting('OCPIZZA_DIRECTOR_TOKEN');

/** Headers of a caller. */
export function bearer(token) {
  return { authorization: `Bearer ${token}` };
}

const FOLDER = new URL('crates/http/operations/', CHECKOUT);

function examples(suffix) {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith(suffix))
    .map((file) => readFileSync(new URL(file, FOLDER), 'utf8'));
}

/** Texts of the example operations of crates/http/operations with their fragments, by name. */
export const OPERATIONS = new Map(
  examples('.graphql')
    .flatMap((text) => Object.entries(separateOperations(parse(text))))
    .map(([name, document]) => [name, print(document)]),
);

/** Variables of the examples, by the operation's name. */
export const VARIABLES = new Map(examples('.variables.json').flatMap((text) => Object.entries(JSON.parse(text))));

/** Text of an example operation. */
export function operation(name) {
  const text = OPERATIONS.get(name);
  if (!text) {
    throw new Error(`no example operation ${name}`);
  }
  return text;
}

/** Executes an example operation by `fetch`, directly at the server. */
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
