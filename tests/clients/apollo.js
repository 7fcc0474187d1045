// Apollo Client: queries with automatic persisted queries over HTTP, subscriptions over WebSocket.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { CombinedGraphQLErrors } from '@apollo/client/errors';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { OperationTypeNode } from 'graphql';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

import { items } from './support/items.js';
import { CUSTOMER, DIRECTOR, bearer, operation } from './support/shop.js';
import { play } from './support/script.js';

/** Request bodies, to observe persisted queries. */
const sent = [];

function resultOf({ data, error }) {
  if (error && !CombinedGraphQLErrors.is(error)) {
    throw error;
  }
  return { data, errors: error?.errors };
}

// Two pizzerias in one normalising cache, with the exact figures of a director: one pizzeria's stock does not
// overwrite the other's.
async function keepsPizzeriasApart(uri) {
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: new HttpLink({ uri, headers: bearer(DIRECTOR), fetch }),
  });
  const menuOf = (pizzeriaId) => ({ query: gql(operation('Menu')), variables: { pizzeriaId } });
  const first = await client.query(menuOf('P1'));
  const second = await client.query(menuOf('P2'));
  assert.deepEqual(client.readQuery(menuOf('P1')), first.data);
  assert.deepEqual(client.readQuery(menuOf('P2')), second.data);
  const makeable = ({ data }) => data.menu.pizzas.map(({ sizes }) => sizes.map((size) => size.makeable));
  assert.notDeepEqual(makeable(first), makeable(second));
  client.stop();
}

await play('apollo', async (line) => {
  await keepsPizzeriasApart(line.http);
  const socket = createClient({
    url: line.websocket,
    webSocketImpl: WebSocket,
    connectionParams: bearer(CUSTOMER),
    retryAttempts: 0,
  });
  const http = new HttpLink({
    uri: line.http,
    headers: bearer(CUSTOMER),
    fetch: (url, options) => {
      sent.push(JSON.parse(options.body));
      return fetch(url, options);
    },
  });
  const persisted = new PersistedQueryLink({ sha256: (text) => createHash('sha256').update(text).digest('hex') });
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(socket),
      persisted.concat(http),
    ),
    defaultOptions: {
      query: { errorPolicy: 'all', fetchPolicy: 'network-only' },
      mutate: { errorPolicy: 'all' },
    },
  });
  const query = async (name, variables) =>
    resultOf(await client.query({ query: gql(operation(name)), variables }));

  // Requested by hash, then sent with it, then by hash alone.
  await query('Menu', { pizzeriaId: 'P1' });
  sent.length = 0;
  await query('Menu', { pizzeriaId: 'P2' });
  assert.equal(sent.length, 1);
  assert.equal(sent[0].query, undefined);
  assert.match(sent[0].extensions.persistedQuery.sha256Hash, /^[0-9a-f]{64}$/);

  return {
    query,
    mutate: async (name, variables) => resultOf(await client.mutate({ mutation: gql(operation(name)), variables })),
    async *follow(name, variables) {
      const following = client.subscribe({ query: gql(operation(name)), variables, fetchPolicy: 'no-cache' });
      const subscribe = (sink) => {
        const subscription = following.subscribe(sink);
        return () => subscription.unsubscribe();
      };
      for await (const result of items(subscribe)) {
        const { data, errors } = resultOf(result);
        assert.equal(errors, undefined);
        yield data;
      }
    },
    close: () => {
      client.stop();
      return socket.dispose();
    },
  };
});
