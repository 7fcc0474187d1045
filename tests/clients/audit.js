// The audits of graphql-http for GraphQL over HTTP: all must pass, including the optional ones.
import { serverAudits } from 'graphql-http';

import { BASE } from './support/shop.js';

let passed = 0;
const audits = serverAudits({ url: `${BASE}/graphql` });
for (const audit of audits) {
  const result = await audit.fn();
  if (result.status === 'ok') {
    passed += 1;
  } else {
    console.error(`${audit.id} ${audit.name}: ${result.status}: ${result.reason}`);
    process.exitCode = 1;
  }
}
console.log(`graphql-http: ${passed} of ${audits.length} audits pass`);
