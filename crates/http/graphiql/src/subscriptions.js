// Subscriptions over graphql-transport-ws, on the origin that the page came from.
import { createClient } from 'graphql-ws';

/** Whether the operation that is to run is a subscription. */
export function isSubscription(document, operationName) {
  return Boolean(
    document?.definitions.some(
      (definition) =>
        definition.kind === 'OperationDefinition' &&
        definition.operation === 'subscription' &&
        (!operationName || definition.name?.value === operationName),
    ),
  );
}

/** What a refused or cut connection is told as: the protocol puts it into the close event. */
function errorOf(cause) {
  if (Array.isArray(cause)) {
    return { errors: cause };
  }
  return cause?.reason ? new Error(`${cause.code}: ${cause.reason}`) : cause;
}

/** The items of a subscription. The token is in the headers, as for HTTP; a browser's WebSocket has none of its own. */
export async function* follow(parameters, headers) {
  const scheme = window.location.protocol === 'https:' ? 'wss' : 'ws';
  const client = createClient({
    url: `${scheme}://${window.location.host}/graphql`,
    connectionParams: headers,
    // A developer wants to see the cut: resume with `after`.
    retryAttempts: 0,
  });
  try {
    yield* client.iterate(parameters);
  } catch (cause) {
    throw errorOf(cause);
  } finally {
    client.dispose();
  }
}
