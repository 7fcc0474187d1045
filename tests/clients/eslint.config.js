// The rules for schema.graphql and the example operations: graphql-eslint's recommended ones, and all of its rules for
// Relay. What is off or narrower says why.
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
        graphQLConfig: { schema: `${CHECKOUT}schema.graphql`, documents: `${CHECKOUT}graphql/operations/*.graphql` },
      },
    },
  },
  {
    files: ['**/schema.graphql'],
    rules: {
      ...graphql.configs['flat/schema-recommended'].rules,
      ...graphql.configs['flat/schema-relay'].rules,
      // Recommended is a description for types and the fields of the roots; here everything has one.
      '@graphql-eslint/require-description': [
        'error',
        {
          types: true,
          DirectiveDefinition: true,
          EnumValueDefinition: true,
          FieldDefinition: true,
          InputValueDefinition: true,
          rootField: true,
          // The library that prints the schema has no place for descriptions of directives' arguments.
          ignoredSelectors: ['DirectiveDefinition > InputValueDefinition'],
        },
      ],
      // Off: `Promise.promisedAt` was released so, and is good English.
      '@graphql-eslint/no-typename-prefix': 'off',
      // Off: an amount, a payload or an edge has no life of its own, so no id; whatever has one implements Node.
      '@graphql-eslint/strict-id-in-types': 'off',
      // Narrower: lists that grow are connections; an order's lines or a payload's user errors are plain lists.
      // Nor is every item asked for again by itself: a note of who read a contact is a line of a list.
      '@graphql-eslint/relay-edge-types': [
        'error',
        { listTypeCanWrapOnlyEdgeType: false, shouldImplementNode: false, withEdgeSuffix: true },
      ],
      // Narrower: a history pages forward only, as the API contract has it.
      '@graphql-eslint/relay-arguments': ['error', { includeBoth: false }],
    },
  },
  {
    files: ['**/graphql/operations/*.graphql'],
    rules: { ...graphql.configs['flat/operations-recommended'].rules },
  },
];
