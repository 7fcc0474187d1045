// The page: GraphiQL on /graphql of the same origin, with the example operations beside it.
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';

import 'graphiql/style.css';
import './page.css';

import { examplesPlugin, listOf } from './examples.jsx';
import { follow, isSubscription } from './subscriptions.js';

const http = createGraphiQLFetcher({ url: '/graphql' });

function fetcher(parameters, options) {
  return isSubscription(options?.documentAST, parameters.operationName)
    ? follow(parameters, options?.headers)
    : http(parameters, options);
}

const WELCOME = `# OC Pizza-Manager. The examples on the left
# open in a tab of their own: there is one for
# every field of the roots.
#
# The menu needs no account. For the rest, put a
# token into the headers below:
#
#   { "Authorization": "Bearer …" }
#
# Queries and mutations go over HTTP,
# subscriptions over a WebSocket.

`;

const answer = await fetch('/graphiql/operations.json');
const examples = listOf(answer.ok ? await answer.json() : []);
const first = examples.find((example) => example.name === 'Pizzerias');
const plugin = examplesPlugin(examples);

createRoot(document.getElementById('graphiql')).render(
  <GraphiQL
    fetcher={fetcher}
    plugins={[plugin]}
    defaultQuery={WELCOME}
    defaultTabs={[{ query: WELCOME + (first?.query ?? ''), variables: first?.variables }]}
    defaultEditorToolsVisibility="headers"
    shouldPersistHeaders={false}
    showPersistHeadersSettings={false}
  >
    <GraphiQL.Logo>OC Pizza-Manager</GraphiQL.Logo>
  </GraphiQL>,
);
