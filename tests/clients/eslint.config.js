// Rules for schema.graphql and the example operations: the recommended rules of graphql-eslint and all of its
// rules for Relay. Each exception has its reason.
import { fileURLToPath } from 'node:url';

import graphql from '@graphql-eslint/eslint-plugin';

const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url));

export default [
  {
    files: ['**/*.graphql'],
    plugins: { '@graphql-eslint': graphql },
    languageOptions: {
      parser: graphql.parser,
      parserOptions: {
        graphQLConfig: { schema: `${CHECKOUT}schema.graphql`, documents: `${CHECKOUT}crates/http/operations/*.graphql` },
      },
    },
  },
  {
    files: ['**/schema.graphql'],
    rules: {
      ...graphql.configs['flat/schema-recommended'].rules,
      ...graphql.configs['flat/schema-relay'].rules,
      // The recommended rule covers types and root fields; here everything has a description.
      '@graphql-eslint/require-description': [
        'error',
        {
          types: true,
          DirectiveDefinition: true,
          EnumValueDefinition: true,
          FieldDefinition: true,
          InputValueDefinition: true,
          rootField: true,
          // async-graphql cannot print descriptions of directive arguments.
          ignoredSelectors: ['DirectiveDefinition > InputValueDefinition'],
        },
      ],
      // Off: the released name `Promise.promisedAt` is good English.
      '@graphql-eslint/no-typename-prefix': 'off',
      // Off: amounts, payloads and edges have no identity; types with an id implement Node.
      '@graphql-eslint/strict-id-in-types': 'off',
      // Narrower: growing lists are connections; order lines and user errors are plain lists, and items such as
      // contact reads are not refetched by id.
      '@graphql-eslint/relay-edge-types': [
        'error',
        { listTypeCanWrapOnlyEdgeType: false, shouldImplementNode: false, withEdgeSuffix: true },
      ],
      // Narrower: histories page forward only, by the API contract.
      '@graphql-eslint/relay-arguments': ['error', { includeBoth: false }],
    },
  },
  {
    files: ['**/crates/http/operations/*.graphql'],
    rules: { ...graphql.configs['flat/operations-recommended'].rules },
  },
];
