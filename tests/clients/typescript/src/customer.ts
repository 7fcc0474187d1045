// A customer's page, typed from the operations: orders, follows the order, and resumes where it was after a cut.
import WebSocket from 'ws';

import { Api, ApiError } from './api.js';
import {
  CancelOrderDocument,
  MenuDocument,
  OrderChangedDocument,
  type OrderChangedSubscription,
  OrderDocument,
  PlaceOrderDocument,
  type PlaceOrderInput,
} from './gql/graphql.js';

type Update = OrderChangedSubscription['orderChanged'];

/** Every step of an order, over as many connections as it takes: each goes on behind the last position that was seen. */
async function* steps(api: Api, id: string): AsyncGenerator<Update> {
  let after: string | null = null;
  for (;;) {
    try {
      for await (const { orderChanged } of api.follow(OrderChangedDocument, { id, after })) {
        after = orderChanged.position;
        yield orderChanged;
      }
      return;
    } catch (error) {
      // What the API says no to stays so; a lost connection is made again.
      if (error instanceof ApiError && !error.retryable) {
        throw error;
      }
    }
  }
}

function setting(name: string): string {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set: see tests/clients/README.md`);
  }
  return value;
}

const api = new Api(`${setting('OCPIZZA_URL')}/graphql`, setting('OCPIZZA_CUSTOMER_TOKEN'), WebSocket);

const { menu } = await api.execute(MenuDocument, { pizzeriaId: 'P1' });
const pizza = menu.pizzas.find(({ sizes }) => sizes.some(({ size, available }) => size === 'M' && available));
if (!pizza) {
  throw new Error('nothing to eat at P1');
}

const input: PlaceOrderInput = {
  pizzeriaId: 'P1',
  channel: 'WEB',
  fulfilment: 'TAKEAWAY',
  payment: 'AT_COUNTER',
  lines: [{ item: pizza.id, size: 'M', quantity: 1 }],
};
const { placeOrder } = await api.execute(PlaceOrderDocument, { input });
const order = placeOrder.order;
if (!order) {
  throw new Error(`refused: ${placeOrder.userErrors.map(({ code }) => code).join(', ')}`);
}

const refused = await api.execute(PlaceOrderDocument, { input: { ...input, lines: [] } });
const [refusal] = refused.placeOrder.userErrors;
if (refusal?.code !== 'EMPTY_ORDER') {
  throw new Error(`an empty order was not refused: ${JSON.stringify(refused)}`);
}

let last: Update | undefined;
for await (const step of steps(api, order.id)) {
  last = step;
  if (step.order?.status === 'PLACED') {
    await api.execute(CancelOrderDocument, { input: { orderId: order.id, reason: 'CUSTOMER_REQUEST' } });
  } else {
    break;
  }
}
if (last?.event !== 'OrderCancelled') {
  throw new Error(`expected the cancelled order: ${JSON.stringify(last)}`);
}

const shown = await api.execute(OrderDocument, { id: order.id });
await api.close();
console.log(`typescript: order ${shown.order?.number} of ${order.total.amount} EUR is ${shown.order?.statusLabel}`);
