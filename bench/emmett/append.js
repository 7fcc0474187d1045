// Appends commands of three events to new streams through Emmett, with concurrent clients, for a time after a
// warm-up. Its argument is the task as JSON; it prints one line of JSON when the measurement starts and one with
// the result. It ends at the end of its standard input.

import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql';
import pg from 'pg';

const { url, clients, millis, events } = JSON.parse(process.argv[2]);
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
process.stdin.on('end', () => process.exit(1)).resume();

// As many connections as clients.
const pool = new pg.Pool({ connectionString: url, max: clients });
const store = getPostgreSQLEventStore(url, {
  schema: { autoMigration: 'None' },
  connectionOptions: { pool },
});
await store.schema.migrate();

// UUIDv7.
const id = () => {
  const time = Date.now().toString(16).padStart(12, '0');
  const random = randomBytes(10).toString('hex');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-8${random.slice(3, 6)}-${random.slice(6, 18)}`;
};

const begins = performance.now() + millis / 4;
const ends = begins + millis;
const micros = [];
const client = async () => {
  for (let sent = performance.now(); sent < ends; sent = performance.now()) {
    await store.appendToStream(`order-${id()}`, events, { expectedStreamVersion: 'STREAM_DOES_NOT_EXIST' });
    const now = performance.now();
    if (sent >= begins && now <= ends) micros.push(Math.round((now - sent) * 1000));
  }
};
setTimeout(() => say('begun'), millis / 4);
setTimeout(() => say('over'), millis + millis / 4);
await Promise.all(Array.from({ length: clients }, client));
say(micros);
await store.close();
await pool.end();
process.exit(0);
