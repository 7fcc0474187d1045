// urql: queries and mutations over HTTP, subscriptions over WebSocket.
import assert from 'node:assert/strict';

import { createClient } from 'graphql-ws';
import { Client, fetchExchange, subscriptionExchange } from 'urql';
import WebSocket from 'ws';

import { items } from './support/items.js';
import { CUSTOMER, bearer, operation } from './support/shop.js';
import { play } from './support/script.js';

function resultOf({ data, error }) {
  if (error?.networkError) {
    throw error.networkError;
  }
  return { data, errors: error?.graphQLErrors };
}

await play('urql', (line) => {
  const socket = createClient({
    url: line.websocket,
    webSocketImpl: WebSocket,
    connectionParams: bearer(CUSTOMER),
    retryAttempts: 0,
  });
  const client = new Client({
    url: line.http,
    preferGetMethod: false,
    fetchOptions: { headers: bearer(CUSTOMER) },
    exchanges: [
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
        }),
      }),
    ],
  });
  return {
    query: async (name, variables) => resultOf(await client.query(operation(name), variables).toPromise()),
    mutate: async (name, variables) => resultOf(await client.mutation(operation(name), variables).toPromise()),
    async *follow(name, variables) {
      // urql ends a source with an error in the last result when its socket is lost.
      const subscribe = (sink) => client.subscription(operation(name), variables).subscribe(sink.next).unsubscribe;
      for await (const result of items(subscribe)) {
        const { data, errors } = resultOf(result);
        assert.equal(errors, undefined);
        yield data;
      }
    },
    close: () => socket.dispose(),
  };
});
