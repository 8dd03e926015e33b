import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An HTTP server that can be started and stopped. */
export interface HttpServer {
  /** Resolves with the port, which is the one asked for unless that was 0. */
  listen(host: string, port: number): Promise<number>;
  /** Stops accepting, lets requests in flight finish, and cuts what is still open after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

const IDLE_SWEEP_INTERVAL_MS = 50;

/** Wraps a node server that does not listen yet. */
export function httpServer(server: Server): HttpServer {
  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.removeListener('error', reject);
          resolve((server.address() as AddressInfo).port);
        });
      }),
    close: (graceMs) =>
      new Promise((resolve) => {
        const cut = setTimeout(() => server.closeAllConnections(), graceMs);
        // A connection that answers its last request becomes idle, and would be kept open for the next one.
        const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_INTERVAL_MS);
        // The callback's error only says that the server was not listening, which is what was asked for.
        server.close(() => {
          clearTimeout(cut);
          clearInterval(sweep);
          resolve();
        });
      }),
  };
}
