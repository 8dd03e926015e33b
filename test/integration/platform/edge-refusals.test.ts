import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { createEdgeServer, type RefusedRequest } from '../../../src/platform/http/edge-server';
import type { HttpServer } from '../../../src/platform/http/listening';
import { createLogger } from '../../../src/platform/log';
import { until } from '../../support/harness';

/** What gets no further than the public server is answered, cut off in time and counted once. */

const log = createLogger({ level: 'info', role: 'edge', destination: { write: () => undefined } });
const HEAD = 'POST /notify HTTP/1.1\r\nHost: a\r\n';

describe('the edge', () => {
  let edge: HttpServer;
  let port: number;
  let handled: number;
  let refused: RefusedRequest[];

  beforeEach(async () => {
    handled = 0;
    refused = [];
    const handler = async () => {
      handled += 1;
      return { status: 204 };
    };
    edge = createEdgeServer({
      routes: [{ path: '/notify', handler }],
      bodyBytesMax: 1_000,
      onRefused: (reason) => void refused.push(reason),
      log,
    });
    port = await edge.listen('127.0.0.1', 0);
  });
  afterEach(() => edge.close(0));

  /** Everything the server says on a connection until it is closed. The client itself never closes. */
  function converse(begin: (socket: Socket) => void): Promise<string> {
    return new Promise((resolve) => {
      let received = '';
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => begin(socket));
      socket.on('data', (chunk) => (received += chunk.toString()));
      // A peer that resets the connection has closed it too.
      socket.on('error', () => undefined).on('close', () => resolve(received));
    });
  }
  const say = (...parts: (string | Buffer)[]) =>
    converse((socket) => {
      for (const part of parts) socket.write(part);
      socket.end();
    });

  const zipped = gzipSync('{}');
  const cases: [what: string, reason: RefusedRequest, status: number, parts: (string | Buffer)[]][] = [
    ['too large a body', 'too_large', 413, [`${HEAD}Content-Length: 1001\r\n\r\n`, Buffer.alloc(1_001)]],
    [
      'too large a body in chunks',
      'too_large',
      413,
      [`${HEAD}Transfer-Encoding: chunked\r\n\r\n3e9\r\n`, Buffer.alloc(1_001), '\r\n0\r\n\r\n'],
    ],
    [
      'a compressed body',
      'unreadable',
      400,
      [`${HEAD}Content-Encoding: gzip\r\nContent-Length: ${zipped.length}\r\n\r\n`, zipped],
    ],
    ['what is not HTTP', 'unreadable', 400, ['no such protocol\r\n\r\n']],
    ['two lengths', 'unreadable', 400, [`${HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`]],
    ['headers above the bound', 'unreadable', 400, [`${HEAD}X: ${'a'.repeat(20_000)}\r\n\r\n`]],
    ['an expectation we do not meet', 'unreadable', 400, [`${HEAD}Expect: foo\r\nContent-Length: 2\r\n\r\n{}`]],
    ['a body that ends too early', 'unreadable', 400, [`${HEAD}Content-Length: 9\r\n\r\n{}`]],
  ];
  test.each(cases)('answers %s with FAIL, counts it once as %s and shows it to no route', async (...row) => {
    const [, reason, status, parts] = row;
    expect(await say(...parts)).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*"code":"FAIL"`));
    await edge.close(0);
    expect(refused).toEqual([reason]);
    expect(handled).toBe(0);
  });

  test('counts each request of a connection that is kept', async () => {
    const tooLarge = `${HEAD}Content-Length: 1001\r\n\r\n${'x'.repeat(1_001)}`;
    const right = `${HEAD}Content-Length: 2\r\n\r\n{}`;
    const answers = await say(tooLarge, right, tooLarge, right);
    expect(answers.match(/HTTP\/1.1 \d+/g)).toEqual([413, 204, 413, 204].map((status) => `HTTP/1.1 ${status}`));
    expect(refused).toEqual(['too_large', 'too_large']);
    expect(handled).toBe(2);
  });

  test('counts a request whose sender vanished, but nobody who only connected, asked for nothing or waits', async () => {
    expect(await say()).toBe('');
    expect(await say('GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n')).toMatch(/^HTTP\/1.1 404 /);
    await converse((socket) => {
      socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
      socket.once('data', () => socket.resetAndDestroy());
    });
    expect(refused).toEqual([]);
    await converse((socket) => {
      // The interim answer proves that the headers have arrived.
      socket.write(`${HEAD}Expect: 100-continue\r\nContent-Length: 9\r\n\r\n{`);
      socket.once('data', () => socket.resetAndDestroy());
    });
    await until('the broken request is counted', () => Promise.resolve(refused.length > 0));
    await edge.close(1_000);
    expect(refused).toEqual(['unreadable']);
    expect(handled).toBe(0);
  });

  test('cuts off whoever drips: headers after 5 s, a body after 10 s, a second later at most', async () => {
    const drip = async (head: string): Promise<{ text: string; seconds: number }> => {
      const startMs = performance.now();
      let timer: NodeJS.Timeout | undefined;
      const text = await converse((socket) => {
        socket.write(head);
        timer = setInterval(() => socket.write('a'), 100);
      });
      clearInterval(timer);
      return { text, seconds: (performance.now() - startMs) / 1_000 };
    };
    const [headers, body] = await Promise.all([drip(`${HEAD}X: `), drip(`${HEAD}Content-Length: 999\r\n\r\n`)]);
    for (const { text } of [headers, body]) expect(text).toMatch(/^HTTP\/1.1 400 [^]*"code":"FAIL"/);
    expect(headers.seconds).toBeGreaterThan(4.9);
    expect(headers.seconds).toBeLessThan(6.5);
    expect(body.seconds).toBeGreaterThan(9.9);
    expect(body.seconds).toBeLessThan(11.5);
    await edge.close(0);
    expect(refused).toEqual(['unreadable', 'unreadable']);
    expect(handled).toBe(0);
  });
});
