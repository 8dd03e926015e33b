import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP relay between the service and a server, with which a test plays the network's faults. */
export interface TcpProxy {
  readonly port: number;
  /** New connections are relayed. What a black hole swallowed before stays swallowed. */
  restore(): Promise<void>;
  /** Every connection is reset and new ones are refused, as when the server has crashed. */
  refuse(): Promise<void>;
  /** Not one byte passes any more, for good on connections that exist; nobody is told, as when a cable is cut. */
  blackHole(): void;
  /** New connections go to another server; those that exist stay where they are, as when a name moves. */
  switchTo(targetPort: number): void;
  close(): Promise<void>;
}

/** Starts a relay on a free port of 127.0.0.1 to another port of it. */
export async function startTcpProxy(firstTargetPort: number): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket | undefined]>();
  let isBlackHole = false;
  let targetPort = firstTargetPort;
  const server = createServer((client) => {
    const upstream = isBlackHole ? undefined : connect(targetPort, '127.0.0.1');
    const pair = [client, upstream] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      upstream?.destroy();
    };
    for (const socket of [client, upstream]) socket?.on('error', end).on('close', end);
    if (upstream === undefined) client.pause();
    else client.pipe(upstream).pipe(client);
  });
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => void server.once('error', reject).listen(port, '127.0.0.1', () => resolve()));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const refuse = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
    for (const [client] of pairs) client.resetAndDestroy();
    await closed;
  };
  return {
    port,
    refuse,
    restore: async () => {
      isBlackHole = false;
      if (!server.listening) await listen(port);
    },
    blackHole: () => {
      isBlackHole = true;
      for (const [client, upstream] of pairs) {
        client.unpipe().pause();
        upstream?.unpipe().pause();
      }
    },
    switchTo: (port) => {
      targetPort = port;
    },
    close: () => (server.listening ? refuse() : Promise.resolve()),
  };
}
