// graphql-ws: everything over one WebSocket, queries and mutations too.
import assert from 'node:assert/strict';

import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

import { BASE, CUSTOMER, bearer, operation } from './support/shop.js';
import { play } from './support/script.js';

/** A client as in a page; it does not reconnect by itself, because the script resumes. */
export function webSocketClient(url, token) {
  return createClient({ url, webSocketImpl: WebSocket, connectionParams: bearer(token), retryAttempts: 0 });
}

async function refusedToken() {
  const client = webSocketClient(`${BASE.replace(/^http/, 'ws')}/graphql`, 'not-a-token');
  const items = client.iterate({ query: operation('Me') });
  const closed = await items.next().then(
    () => assert.fail('an unknown token was taken'),
    (event) => event,
  );
  // Clients treat 4403 as final and request another token.
  assert.equal(closed.code, 4403);
}

await play('graphql-ws', (line) => {
  const client = webSocketClient(line.websocket, CUSTOMER);
  const once = async (name, variables) => {
    for await (const answer of client.iterate({ query: operation(name), variables })) {
      return answer;
    }
    return assert.fail(`${name} was not answered`);
  };
  return {
    query: once,
    mutate: once,
    async *follow(name, variables) {
      for await (const { data, errors } of client.iterate({ query: operation(name), variables })) {
        assert.equal(errors, undefined);
        yield data;
      }
    },
    close: () => client.dispose(),
  };
});
await refusedToken();
