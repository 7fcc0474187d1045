// The script of every client: query, mutation, refusal, error, subscription, cut, resume.
import assert from 'node:assert/strict';

import { BASE, MANAGER, execute } from './shop.js';
import { openLine } from './line.js';

/** An unknown order. */
const NOWHERE = 'order:00000000-0000-0000-0000-000000000000';

const BASKET = {
  pizzeriaId: 'P1',
  channel: 'WEB',
  fulfilment: 'TAKEAWAY',
  payment: 'AT_COUNTER',
  lines: [
    { item: 'MAR', size: 'M', quantity: 1 },
    { item: 'REI', size: 'S', quantity: 1 },
  ],
};

/** A step by the pizzeria's staff on another connection. */
async function staff(step, orderId, more = {}) {
  const data = await execute(MANAGER, step, { input: { orderId, ...more } });
  const [payload] = Object.values(data);
  assert.deepEqual(payload.userErrors, [], step);
}

/** Reads items until an event. */
async function until(stream, seen, event) {
  for (;;) {
    const { value, done } = await stream.next();
    assert.ok(!done, `the stream ended before ${event}`);
    seen.push(value.orderChanged);
    if (value.orderChanged.event === event) {
      return;
    }
  }
}

/** Events of an order after a position, from the log. */
async function history(id, position) {
  const { order } = await execute(MANAGER, 'OrderHistory', { id, first: 100 });
  return order.history.nodes.filter((event) => BigInt(event.position) > BigInt(position));
}

/**
 * Plays the script with a client that `connect` makes for a line. A client has
 * - `query(name, variables)` and `mutate(name, variables)`: a promise of `{ data, errors }`,
 * - `follow(name, variables)`: an async iterator of `data`, which fails or ends when the line is cut,
 * - `close()`.
 * Names are those of the example operations.
 */
export async function play(name, connect) {
  const line = await openLine(BASE);
  const client = await connect(line);

  const shown = await client.query('Pizzerias', {});
  assert.equal(shown.errors, undefined);
  assert.ok(shown.data.pizzerias.some((pizzeria) => pizzeria.code === 'P1'));

  const placed = await client.mutate('PlaceOrder', { input: { ...BASKET, idempotencyKey: `${name}-${Date.now()}` } });
  assert.equal(placed.errors, undefined);
  assert.deepEqual(placed.data.placeOrder.userErrors, []);
  const { id } = placed.data.placeOrder.order;

  const refused = await client.mutate('PlaceOrder', { input: { ...BASKET, lines: [] } });
  assert.equal(refused.errors, undefined);
  assert.equal(refused.data.placeOrder.order, null);
  assert.deepEqual(
    refused.data.placeOrder.userErrors.map((error) => error.code),
    ['EMPTY_ORDER'],
  );

  const missed = await client.query('Order', { id: NOWHERE });
  assert.deepEqual(
    missed.errors?.map((error) => error.extensions?.code),
    ['NOT_FOUND'],
  );

  const seen = [];
  const stream = client.follow('OrderChanged', { id })[Symbol.asyncIterator]();
  const { value: first } = await stream.next();
  assert.equal(first.orderChanged.order.status, 'PLACED');
  const start = first.orderChanged.position;
  await staff('StartPreparation', id);
  await until(stream, seen, 'PreparationStarted');

  assert.ok(line.connections() > 0);
  line.cut();
  const cut = await stream.next().then(
    ({ done }) => done,
    () => true,
  );
  assert.ok(cut, 'the client did not notice the cut');
  await staff('MarkItemBaked', id, { line: 1 });
  await staff('MarkOrderReady', id);

  const resumed = client.follow('OrderChanged', { id, after: seen.at(-1).position })[Symbol.asyncIterator]();
  await until(resumed, seen, 'OrderReady');
  await staff('RecordPayment', id, { method: 'CARD', amount: placed.data.placeOrder.order.total.amount });
  await staff('HandOverOrder', id);
  await until(resumed, seen, 'OrderHandedOver');
  await resumed.return?.();

  // Nothing missing, nothing repeated, in order.
  assert.deepEqual(
    seen.map(({ position, event }) => [position, event]),
    (await history(id, start)).map(({ position, type }) => [position, type]),
  );
  assert.equal(seen.at(-1).order.status, 'HANDED_OVER');

  await client.close();
  line.close();
  console.log(`${name}: query, mutation, refusal, error, subscription, cut and resume with ${seen.length} items`);
}
