import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One message that came. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An HTTP server that notes what is posted to it and answers what it is told to. */
export interface HttpReceiver {
  readonly url: string;
  readonly received: Received[];
  /** What it answers from now on; default: 200 and `{"errcode":0}`, which suits WeCom, too. */
  answer: { status: number; body: string };
  close(): Promise<void>;
}

/** Starts one on a free port. */
export async function startHttpReceiver(): Promise<HttpReceiver> {
  const receiver = { received: [] as Received[], answer: { status: 200, body: '{"errcode":0}' } };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { url: path = '', headers } = request;
      receiver.received.push({ path, headers, body: Buffer.concat(chunks).toString('utf8') });
      // A silent path never answers.
      if (path !== '/silent') response.writeHead(receiver.answer.status).end(receiver.answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(receiver, {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  });
}
