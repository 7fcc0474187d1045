// graphql-sse, in its distinct connections mode: subscriptions over HTTP, resumed by Last-Event-ID.
import assert from 'node:assert/strict';

import { createClient } from 'graphql-sse';

import { CUSTOMER, bearer, operation } from './support/shop.js';
import { play } from './support/script.js';

await play('graphql-sse', (line) => {
  const clients = new Set();
  const client = (headers) => {
    const made = createClient({ url: line.http, headers: { ...bearer(CUSTOMER), ...headers }, retryAttempts: 0 });
    clients.add(made);
    return made;
  };
  const http = async (name, variables) => {
    const answer = await fetch(line.http, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...bearer(CUSTOMER) },
      body: JSON.stringify({ query: operation(name), variables }),
    });
    return answer.json();
  };
  return {
    query: http,
    mutate: http,
    async *follow(name, { after, ...variables }) {
      // As an EventSource does: the last id becomes a header, and the operation stays the same.
      const resumed = after ? { 'last-event-id': after } : {};
      for await (const { data, errors } of client(resumed).iterate({ query: operation(name), variables })) {
        assert.equal(errors, undefined);
        yield data;
      }
    },
    close: () => clients.forEach((made) => made.dispose()),
  };
});
