import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startHarness, type Harness, type Overrides } from './harness';

/** What went through to WeChat Pay. */
export interface RecordedCall {
  readonly method: string;
  readonly path: string;
  readonly body: Buffer;
}

/** Stands before a local WeChat Pay and keeps what is sent to it, byte for byte. */
export interface RecordingProxy {
  readonly url: string;
  /** Every call so far, in order. */
  readonly calls: readonly RecordedCall[];
  /** Where calls go; told once it is known. */
  forwardTo(origin: string): void;
  close(): Promise<void>;
}

/** Starts one on a free port. */
async function startRecordingProxy(): Promise<RecordingProxy> {
  let target = '';
  const calls: RecordedCall[] = [];
  const server = createServer((request, response) => {
    void readAll(request).then(async (body) => {
      const { method = 'GET', url: path = '/' } = request;
      calls.push({ method, path, body });
      const headers = Object.entries(request.headers).filter(([name]) => name !== 'host' && name !== 'connection');
      const init = { method, headers: headers.map(([name, value]) => [name, String(value)] as [string, string]) };
      const answer = await fetch(`${target}${path}`, method === 'GET' ? init : { ...init, body });
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      response.end(Buffer.from(await answer.arrayBuffer()));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    forwardTo: (origin) => {
      target = origin;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** A harness whose service calls its WeChat Pay through a recording proxy; stopping it closes both. */
export async function startRecordedHarness(
  overrides: Overrides = {},
): Promise<{ readonly h: Harness; readonly proxy: RecordingProxy }> {
  const proxy = await startRecordingProxy();
  const h = await startHarness({ ...overrides, WECHATPAY_BASE_URL: proxy.url });
  proxy.forwardTo(h.simulatorUrl);
  const stop = async (): Promise<void> => {
    await h.stop();
    await proxy.close();
  };
  return { h: { ...h, stop }, proxy };
}
