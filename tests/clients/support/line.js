// A connection between client and server that can be cut, like a socket in a tunnel.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** Opens a line. `cut` resets its connections; new ones may be opened at once. */
export async function openLine(base) {
  const { hostname, port } = new URL(base);
  const open = new Set();
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    const both = [near, far];
    open.add(both);
    for (const [from, to] of [both, [far, near]]) {
      from.pipe(to);
      // Resets are expected; `close` follows.
      from.on('error', () => {});
      from.on('close', () => {
        to.destroy();
        open.delete(both);
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: ours } = server.address();
  return {
    http: `http://127.0.0.1:${ours}/graphql`,
    websocket: `ws://127.0.0.1:${ours}/graphql`,
    /** Number of connections. */
    connections: () => open.size,
    cut() {
      for (const [near, far] of open) {
        near.resetAndDestroy();
        far.destroy();
      }
    },
    close() {
      this.cut();
      server.close();
    },
  };
}
