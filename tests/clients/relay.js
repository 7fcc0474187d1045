// Relay: its compiler accepts the schema with fragments, a connection and a refetch through `node`; its runtime
// plays the script with the compiled documents.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';

import { createClient } from 'graphql-ws';
import relay from 'relay-runtime';
import WebSocket from 'ws';

import { items } from './support/items.js';
import { CUSTOMER, bearer } from './support/shop.js';
import { play } from './support/script.js';

const { Environment, Network, Observable, RecordSource, Store, commitMutation, fetchQuery, requestSubscription } = relay;

const compiler = createRequire(import.meta.url).resolve('relay-compiler/cli.js');
const folder = new URL('relay/', import.meta.url);
mkdirSync(new URL('__generated__/', folder), { recursive: true });
execFileSync(process.execPath, [compiler], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });

async function compiled(name) {
  const { default: document } = await import(`./relay/__generated__/documents${name}.graphql.js`);
  return document;
}

const DOCUMENTS = {
  Pizzerias: await compiled('PizzeriasQuery'),
  Order: await compiled('OrderQuery'),
  Orders: await compiled('OrdersQuery'),
  PlaceOrder: await compiled('PlaceOrderMutation'),
  OrderChanged: await compiled('OrderChangedSubscription'),
  Refetched: await compiled('RefetchedQuery'),
};

/** Errors of an answer. */
class Refused extends Error {
  constructor(errors) {
    super(errors[0].message);
    this.errors = errors;
  }
}

/** Relay returns the data or fails. */
function answered(promise) {
  return promise.then(
    (data) => ({ data }),
    (error) => {
      if (error instanceof Refused) {
        return { errors: error.errors };
      }
      throw error;
    },
  );
}

await play('relay', (line) => {
  const socket = createClient({
    url: line.websocket,
    webSocketImpl: WebSocket,
    connectionParams: bearer(CUSTOMER),
    retryAttempts: 0,
  });
  const http = async ({ text }, variables) => {
    const answer = await fetch(line.http, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...bearer(CUSTOMER) },
      body: JSON.stringify({ query: text, variables }),
    });
    const body = await answer.json();
    if (body.errors) {
      throw new Refused(body.errors);
    }
    return body;
  };
  const live = ({ text }, variables) =>
    Observable.create((sink) => socket.subscribe({ query: text, variables }, sink));
  const environment = new Environment({ network: Network.create(http, live), store: new Store(new RecordSource()) });
  const fetched = (document, variables) =>
    answered(fetchQuery(environment, document, variables, { fetchPolicy: 'network-only' }).toPromise());

  return {
    query: async (name, variables) => fetched(DOCUMENTS[name], variables),
    async mutate(name, variables) {
      const mutation = DOCUMENTS[name];
      const { data, errors } = await answered(
        new Promise((resolve, reject) => {
          commitMutation(environment, { mutation, variables, onCompleted: resolve, onError: reject });
        }),
      );
      const id = data?.placeOrder.order?.id;
      if (id) {
        const orders = await fetched(DOCUMENTS.Orders, { first: 5 });
        assert.ok(orders.data.orders.edges.some(({ node }) => node.id === id), 'the order is on the first page');
        const node = await fetched(DOCUMENTS.Refetched, { id });
        assert.equal(node.errors, undefined);
      }
      return { data, errors };
    },
    async *follow(name, variables) {
      const subscription = DOCUMENTS[name];
      const subscribe = ({ next, error, complete }) => {
        const following = { subscription, variables, onNext: next, onError: error, onCompleted: complete };
        const { dispose } = requestSubscription(environment, following);
        return dispose;
      };
      yield* items(subscribe);
    },
    close: () => socket.dispose(),
  };
});
