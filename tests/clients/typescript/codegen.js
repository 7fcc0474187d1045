// Types and typed documents for every example operation: `npx graphql-codegen --config typescript/codegen.js`.
/** @type {import('@graphql-codegen/cli').CodegenConfig} */
export default {
  schema: '../../schema.graphql',
  documents: '../../crates/http/operations/*.graphql',
  generates: {
    'typescript/src/gql/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        // Unknown enum values must be handled: a later schema may add some.
        enumsAsTypes: true,
        useTypeImports: true,
        strictScalars: true,
        scalars: {
          Date: 'string',
          DateTime: 'string',
          Decimal: 'string',
          JSON: 'unknown',
          LogPosition: 'string',
        },
      },
    },
  },
  emitLegacyCommonJSImports: false,
  importExtension: '.js',
  silent: true,
};
