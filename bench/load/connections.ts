import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import type { Header } from './hpack/header-table';
import { Connection } from './http2/connection';
import { RPCS } from './rpcs';
import type { LoadSettings } from './settings';

/** A fixed number of connections to the server; one that ends is made anew. */
export class Connections {
  private readonly slots: Connection[] = [];
  private readonly renewing = new Set<number>();
  private isEnding = false;

  private constructor(
    private readonly options: ConnectionOptions,
    private readonly headers: readonly Header[],
  ) {}

  static async open({ port, tlsDir, rpc, connections }: LoadSettings): Promise<Connections> {
    const { path, identity } = RPCS[rpc];
    const read = (file: string): Buffer => readFileSync(join(tlsDir, file));
    const tls = { ca: read('ca.crt'), cert: read(`${identity}.crt`), key: read(`${identity}.key`) };
    const pool = new Connections({ host: '127.0.0.1', port, servername: 'localhost', ...tls }, [
      [':method', 'POST'],
      [':scheme', 'https'],
      [':path', path],
      [':authority', 'localhost'],
      ['te', 'trailers'],
      ['content-type', 'application/grpc'],
      ['grpc-timeout', '10S'],
    ]);
    for (let slot = 0; slot < connections; slot += 1) pool.slots.push(await pool.connect());
    return pool;
  }

  /** The connection of a caller. While it is being made anew, its calls end with UNAVAILABLE. */
  of(caller: number): Connection {
    const slot = caller % this.slots.length;
    const connection = this.slots[slot];
    if (connection === undefined) throw new Error('there is no connection');
    if (!connection.isOpen) this.renew(slot);
    return connection;
  }

  flush(): void {
    for (const connection of this.slots) connection.flush();
  }

  close(): void {
    this.isEnding = true;
    for (const connection of this.slots) connection.end();
  }

  private connect(): Promise<Connection> {
    return Connection.open(this.options, this.headers);
  }

  /** Calls that are still on the old connection end when the server closes it. A server that is gone is asked again. */
  private renew(slot: number): void {
    if (this.isEnding || this.renewing.has(slot)) return;
    this.renewing.add(slot);
    this.connect()
      .then(
        (fresh) => {
          this.slots[slot] = fresh;
        },
        () => undefined,
      )
      .finally(() => this.renewing.delete(slot));
  }
}
