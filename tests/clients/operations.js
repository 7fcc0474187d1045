// Executes every example operation with its own variables, as the role that it is for, in the order of an evening:
// the examples work and no limit prevents them.
import assert from 'node:assert/strict';

import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

import { BASE, COURIER, CUSTOMER, DIRECTOR, MANAGER, OPERATIONS, VARIABLES, bearer, execute, operation } from './support/shop.js';

const used = new Set();
/** Placeholders of ids in the examples' variables. */
const ids = new Map();

function filled(value) {
  if (Array.isArray(value)) {
    return value.map(filled);
  }
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, filled(part)]));
  }
  return ids.get(value) ?? value;
}

/** The variables of an example, with `changes` in its input if it has one, and a fresh idempotency key. */
function variablesOf(name, changes) {
  const { input, ...others } = filled(VARIABLES.get(name) ?? {});
  if (!input) {
    return { ...others, ...changes };
  }
  return { ...others, input: { ...input, ...changes, idempotencyKey: crypto.randomUUID() } };
}

/** Executes an example without refusals; returns its field. */
async function run(token, name, changes = {}) {
  used.add(name);
  const [answer] = Object.values(await execute(token, name, variablesOf(name, changes)));
  assert.notEqual(answer, null, name);
  assert.deepEqual(answer.userErrors ?? [], [], name);
  return answer;
}

async function all(token, ...names) {
  for (const name of names) {
    await run(token, name);
  }
}

/** Reads the first item of a subscription. */
async function follow(token, name, changes = {}) {
  used.add(name);
  const url = `${BASE.replace(/^http/, 'ws')}/graphql`;
  const client = createClient({ url, webSocketImpl: WebSocket, connectionParams: bearer(token), retryAttempts: 0 });
  try {
    for await (const { data, errors } of client.iterate({ query: operation(name), variables: variablesOf(name, changes) })) {
      assert.equal(errors, undefined, name);
      assert.ok(Object.values(data)[0].position, name);
      return;
    }
    assert.fail(`${name} has no items`);
  } finally {
    await client.dispose();
  }
}

const ORDER = 'order:00000000-0000-0000-0000-000000000000';
const DELIVERY = 'delivery:00000000-0000-0000-0000-000000000000';
const STAFF = 'staff:00000000-0000-0000-0000-000000000000';

const DOOR = {
  name: 'Camille Martin',
  phone: '+33 1 99 00 12 34',
  address: { street: '4 rue du Four', postcode: '75018', city: 'Paris', latitude: 48.891, longitude: 2.341 },
};

async function place(changes = {}) {
  const { order } = await run(MANAGER, 'PlaceOrder', changes);
  ids.set(ORDER, order.id);
  return order;
}

/** A ready delivery order; a reactor has scheduled its delivery. */
async function placeDelivery() {
  await place({ channel: 'PHONE', fulfilment: 'DELIVERY', payment: 'ON_DELIVERY', contact: DOOR });
  await all(MANAGER, 'StartPreparation', 'MarkOrderReady');
  const deadline = Date.now() + 60_000;
  for (;;) {
    const { delivery } = await run(MANAGER, 'Order');
    if (delivery) {
      ids.set(DELIVERY, delivery.id);
      return;
    }
    assert.ok(Date.now() < deadline, 'no delivery was scheduled');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Operations that need a mail or another system. */
const ELSEWHERE = new Set([
  // Needs maintenance; see tests/it/operations/maintenance.rs.
  'Maintenance',
  'VerifyEmail',
  'ResetPassword',
  // They need an authenticator app; see tests/it/security/totp.rs.
  'ConfirmTotp',
  'DisableTotp',
  // They would remove the other clients' customer; see tests/it/security/erasure.rs.
  'EraseCustomer',
  'EraseMyAccount',
  // Needs a sealed log, which takes half a minute; see tests/it/log/proofs.rs.
  'InclusionProof',
  'ConsistencyProof',
]);

// Public operations and those of the head office.
await all(CUSTOMER, 'Me', 'Pizzerias', 'Pizzeria', 'Menu', 'QuoteOrder');
await all(DIRECTOR, 'PublishMenu', 'OpenPizzeria', 'UpdatePizzeria', 'PausePizzeria', 'ResumePizzeria', 'TransferStock');
const { id: courier } = await run(COURIER, 'Me');
const { couriers } = await run(MANAGER, 'PizzeriaCouriers');
ids.set(STAFF, couriers.find(({ id }) => id.endsWith(courier.split(':').at(-1))).id);

// The stock.
await all(MANAGER, 'Stock', 'LowStock', 'ReceiveSupply', 'CountStock', 'WasteIngredients', 'SetStockThreshold');
await all(MANAGER, 'BlockPizza', 'UnblockPizza', 'StockHistory', 'WhyUnavailable', 'StockAsOf', 'OrdersAsOf');

// Over the counter.
await place();
await all(MANAGER, 'ChangeOrderLines', 'Orders', 'OrderBoard', 'OrderHistory', 'KitchenQueue', 'Recipe');
await follow(MANAGER, 'OrderChanged');
const { lines } = await run(MANAGER, 'Order');
await run(MANAGER, 'StartPreparation');
await run(MANAGER, 'MarkItemBaked', { line: lines[0].line });
await all(MANAGER, 'MarkOrderReady', 'RecordPayment', 'RefundOrder');
const { due } = await run(MANAGER, 'Order');
await run(MANAGER, 'RecordPayment', { method: 'CARD', amount: due.amount });
await run(MANAGER, 'HandOverOrder');

// An unpaid order whose stock is released.
await place();
await run(MANAGER, 'ReleaseUnpaidOrders');

// An order for later, which is cancelled.
await place({ payment: 'ONLINE' });
await all(MANAGER, 'PayOnline', 'CancelOrder');

// Deliveries: one with failures, one returned.
await placeDelivery();
await all(COURIER, 'Deliveries', 'ClaimDelivery', 'UnassignDelivery');
await run(MANAGER, 'AssignDelivery');
await all(COURIER, 'Delivery', 'PickUpDelivery', 'ReportCourierPosition', 'FailDelivery', 'RetryDelivery');
await all(COURIER, 'PickUpDelivery', 'CompleteDelivery');
await follow(MANAGER, 'DeliveryChanged');
await placeDelivery();
await all(COURIER, 'ClaimDelivery', 'PickUpDelivery', 'FailDelivery', 'ReturnDelivery');

// Contact reads.
await run(DIRECTOR, 'ContactReads');

// The manager's reports.
await all(MANAGER, 'Sales', 'DailyClosings', 'Log', 'Events', 'EventsAfter', 'Node');
await follow(MANAGER, 'KitchenQueueChanged');
await follow(MANAGER, 'StockChanged');
await follow(MANAGER, 'ReadyDeliveries', { after: '1' });
await follow(MANAGER, 'EventAppended', { after: '1' });
await follow(CUSTOMER, 'MaintenanceChanged');

// Accounts: a new customer, and an employee hired for the evening.
const { token } = await run(CUSTOMER, 'SignUp');
await all(token, 'UpdateMyAccount', 'RequestEmailVerification');
await run(token, 'EnrolTotp', { currentPassword: VARIABLES.get('SignUp').input.password });
await run(token, 'ChangePassword', { currentPassword: VARIABLES.get('SignUp').input.password });
await all(token, 'SignIn', 'RequestPasswordReset', 'SignOut');
await run(MANAGER, 'Staff');
const { staff } = await run(MANAGER, 'HireStaff');
await run(MANAGER, 'RevokeStaff', { staffId: staff.id });

const unused = [...OPERATIONS.keys()].filter((name) => !used.has(name) && !ELSEWHERE.has(name));
assert.deepEqual(unused, [], 'example operations that were not executed');
console.log(`examples: ${used.size} operations, each by whom it is for`);
