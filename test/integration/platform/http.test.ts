import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { createEdgeServer, type EdgeRequest, type EdgeResponse } from '../../../src/platform/http/edge-server';
import { createInternalServer, type ReadinessCheck } from '../../../src/platform/http/internal-server';
import type { HttpServer } from '../../../src/platform/http/listening';
import { createLogger } from '../../../src/platform/log';
import { createMetrics } from '../../../src/platform/metrics';

/** The public HTTP port answers its routes and nothing else; the internal port tells probes the truth. */

const lines: string[] = [];
const onRefused = (): void => undefined;
const log = createLogger({ level: 'info', role: 'edge', destination: { write: (line) => void lines.push(line) } });

interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly headers: IncomingMessage['headers'];
}

/** A plain request; fetch would not let a test send what it pleases. */
function send(port: number, method: string, path: string, body: Buffer | string = '', headers = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, method, path, headers: { ...headers, 'content-length': body.length } };
    const outgoing = httpRequest(options, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const isJson = incoming.headers['content-type']?.startsWith('application/json') === true;
        const parsed: unknown = isJson ? JSON.parse(text) : text;
        resolve({ status: incoming.statusCode ?? 0, body: parsed, headers: incoming.headers });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

describe('edge', () => {
  let edge: HttpServer;
  let port: number;
  let answer: (request: EdgeRequest) => Promise<EdgeResponse>;

  beforeAll(async () => {
    const routes = [{ path: '/notify', handler: (request: EdgeRequest) => answer(request) }];
    edge = createEdgeServer({ routes, bodyBytesMax: 1_000, onRefused, log });
    port = await edge.listen('127.0.0.1', 0);
  });
  afterAll(() => edge.close(1_000));

  const refused = { code: 'FAIL', message: expect.any(String) as string };

  test('a route gets the very bytes and headers, and its status is sent without a body', async () => {
    const seen: EdgeRequest[] = [];
    answer = async (request) => {
      seen.push(request);
      return { status: 204 };
    };
    const bytes = Buffer.from([0x7b, 0xff, 0x00, 0x0d, 0x0a]);
    const reply = await send(port, 'POST', '/notify', bytes, { 'Wechatpay-Serial': 'S1', 'content-type': 'any/thing' });
    expect(reply).toMatchObject({ status: 204, body: '' });
    expect(reply.headers['x-powered-by']).toBeUndefined();
    expect(seen[0]?.rawBody.equals(bytes)).toBe(true);
    expect(seen[0]?.headers['wechatpay-serial']).toBe('S1');
  });

  test('an empty body is an empty buffer', async () => {
    answer = async ({ rawBody }) => ({ status: 400, body: { length: rawBody.length } });
    expect(await send(port, 'POST', '/notify')).toMatchObject({ status: 400, body: { length: 0 } });
  });

  test('too large a body is 413, a compressed one 400, and neither reaches the route', async () => {
    let calls = 0;
    answer = async () => {
      calls += 1;
      return { status: 204 };
    };
    expect(await send(port, 'POST', '/notify', Buffer.alloc(1_001))).toMatchObject({ status: 413, body: refused });
    const compressed = await send(port, 'POST', '/notify', gzipSync('{}'), { 'content-encoding': 'gzip' });
    expect(compressed).toMatchObject({ status: 400, body: refused });
    expect(calls).toBe(0);
  });

  test('a handler that throws is 500, without why', async () => {
    answer = async () => {
      throw Object.assign(new Error('secret internals'), { code: 'E_STORE' });
    };
    const reply = await send(port, 'POST', '/notify', '{}');
    expect(reply).toMatchObject({ status: 500, body: refused });
    expect(JSON.stringify(reply.body)).not.toContain('secret');
    expect(lines.at(-1)).toContain('E_STORE');
  });

  test.each([
    ['GET', '/notify'],
    ['PUT', '/notify'],
    ['POST', '/notify/'],
    ['POST', '/Notify'],
    ['GET', '/'],
    ['GET', '/metrics'],
  ])('%s %s is 404', async (method, path) => {
    expect(await send(port, method, path)).toMatchObject({ status: 404, body: refused });
  });

  test('a path that can not be decoded is 400', async () => {
    expect((await send(port, 'POST', '/%E0%A4%A')).status).toBeGreaterThanOrEqual(400);
  });

  test('GET /healthz is 200', async () => {
    expect(await send(port, 'GET', '/healthz')).toMatchObject({ status: 200, body: { alive: true } });
  });

  test('bytes that are not HTTP are 400', async () => {
    const text = await new Promise<string>((resolve, reject) => {
      let received = '';
      const socket = connect(port, '127.0.0.1', () => socket.write('no such protocol\r\n\r\n'));
      socket.on('data', (chunk) => (received += chunk.toString()));
      socket.on('close', () => resolve(received)).on('error', reject);
    });
    expect(text).toMatch(/^HTTP\/1.1 400 [\s\S]*"FAIL"/);
  });
});

describe('internal', () => {
  const metrics = createMetrics();
  let database: ReadinessCheck = async () => undefined;
  const internal = createInternalServer({
    metrics,
    log,
    checks: { database: () => database(), redis: async () => undefined },
  });
  let port: number;

  beforeAll(async () => {
    port = await internal.listen('127.0.0.1', 0);
  });
  afterAll(() => internal.close(1_000));

  test('/metrics is Prometheus text of the process and the service', async () => {
    const reply = await send(port, 'GET', '/metrics');
    expect(reply.headers['content-type']).toBe(metrics.contentType);
    expect(reply.body).toContain('process_cpu_seconds_total');
    expect(reply.body).toContain('# HELP billing_rpc_requests_total ');
  });

  test('/readyz tells which check failed, and says nothing else of it', async () => {
    expect(await send(port, 'GET', '/readyz')).toMatchObject({ status: 200, body: { ready: true } });
    database = async () => {
      throw new Error('mysql://app:secret@db refused');
    };
    const reply = await send(port, 'GET', '/readyz');
    expect(reply).toMatchObject({ status: 503, body: { ready: false, checks: { database: 'failed', redis: 'ok' } } });
    expect(JSON.stringify(reply.body)).not.toContain('secret');
    expect((await send(port, 'GET', '/healthz')).status).toBe(200);
  });
});

test('closing ends soon though a client keeps its connection open', async () => {
  const server = createEdgeServer({ routes: [], bodyBytesMax: 10, onRefused, log });
  const port = await server.listen('127.0.0.1', 0);
  const socket = connect(port, '127.0.0.1', () => socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n'));
  await new Promise((resolve) => socket.once('data', resolve));
  await server.close(60_000);
  socket.destroy();
});
