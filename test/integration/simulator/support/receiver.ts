import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly headers: Headers;
  readonly body: string;
}

type Reply = (index: number) => number | 'never' | Promise<number>;

/** The merchant's notification address: records what arrives and answers as the test says. */
export class Receiver {
  readonly received: Received[] = [];

  /** Where it arrived. */
  readonly paths: (string | undefined)[] = [];

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  /** `reply` gives the status for the request with this index, from 0; 'never' leaves it unanswered. */
  static async start(reply: Reply = () => 204): Promise<Receiver> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const receiver = new Receiver(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}/notify`);
    server.on('request', (req, res) => void receiver.answer(req, res, reply));
    return receiver;
  }

  /** Resolves once so many requests have arrived. */
  async waitFor(count: number): Promise<void> {
    while (this.received.length < count) await once(this.server, 'recorded');
  }

  async close(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }

  private async answer(req: IncomingMessage, res: ServerResponse, reply: Reply): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const headers = new Headers(Object.entries(req.headers).map(([name, value]) => [name, String(value)]));
    this.paths.push(req.url);
    const index = this.received.push({ headers, body: Buffer.concat(chunks).toString('utf8') }) - 1;
    this.server.emit('recorded');
    const status = await reply(index);
    if (status !== 'never') res.writeHead(status).end(status === 204 ? '' : '{"code":"FAIL","message":"失败"}');
  }
}
