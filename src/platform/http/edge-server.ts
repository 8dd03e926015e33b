import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { Socket } from 'node:net';
import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express';
import type { Logger } from '../log';
import { httpServer, type HttpServer } from './listening';

/** A request as a route sees it: the body is the very bytes that arrived. */
export interface EdgeRequest {
  readonly headers: IncomingHttpHeaders;
  readonly rawBody: Buffer;
}

/** What a route answers; without a body only the status is sent. */
export interface EdgeResponse {
  readonly status: number;
  readonly body?: object;
}

/** One POST route. */
export interface EdgeRoute {
  readonly path: string;
  readonly handler: (request: EdgeRequest) => Promise<EdgeResponse>;
}

export interface EdgeServerOptions {
  readonly routes: readonly EdgeRoute[];
  /** A longer body is answered 413 and thrown away. */
  readonly bodyBytesMax: number;
  readonly log: Logger;
}

/** Bounds on what a stranger may keep open: headers within 5 s, a whole request within 10 s, an idle socket 15 s. */
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 15_000;
const KEEP_ALIVE_TIMEOUT_MS = 5_000;
const HEADER_BYTES_MAX = 16_384;
const HEADERS_COUNT_MAX = 64;
const CONNECTIONS_MAX = 1_000;

/**
 * The public HTTP server. It answers POST on its routes and GET /healthz, nothing else. Failures have the body
 * `{"code":"FAIL","message":"…"}` and never say what went wrong inside.
 */
export function createEdgeServer(options: EdgeServerOptions): HttpServer {
  const server = createServer({ maxHeaderSize: HEADER_BYTES_MAX }, edgeApp(options));
  boundConnections(server);
  return httpServer(server);
}

function edgeApp({ routes, bodyBytesMax, log }: EdgeServerOptions): Express {
  const app = express();
  app.disable('x-powered-by').disable('etag').enable('case sensitive routing').enable('strict routing');
  app.get('/healthz', (_request, response) => {
    response.json({ alive: true });
  });
  // A compressed body is refused: the signature is over what was sent, and inflating is a way to exhaust memory.
  const rawBody = express.raw({ type: () => true, limit: bodyBytesMax, inflate: false });
  for (const { path, handler } of routes) {
    app.post(path, rawBody, async (request: Request, response: Response) => {
      const answer = await handler({ headers: request.headers, rawBody: bytesOf(request.body) });
      response.status(answer.status);
      if (answer.body === undefined) response.end();
      else response.json(answer.body);
    });
  }
  app.use((_request, response) => {
    fail(response, 404, 'nothing answers here');
  });
  app.use(errorResponder(log));
  return app;
}

/** An empty request leaves the body undefined. */
function bytesOf(body: unknown): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
}

function fail(response: Response, status: number, message: string): void {
  response.status(status).json({ code: 'FAIL', message });
}

/** Errors that carry a 4xx status come from reading the request; anything else is ours. */
function errorResponder(log: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    const status = error instanceof Error ? (error as Error & { status?: unknown }).status : undefined;
    const isCallersFault = typeof status === 'number' && status >= 400 && status < 500;
    if (!isCallersFault) log.error({ path: request.path, err: error }, 'edge request failed');
    if (response.headersSent) next(error);
    else if (!isCallersFault) fail(response, 500, 'internal error');
    else if (status === 413) fail(response, 413, 'the body is too large');
    else fail(response, 400, 'the request is malformed');
  };
}

function boundConnections(server: Server): void {
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.timeout = IDLE_TIMEOUT_MS;
  server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS;
  server.maxHeadersCount = HEADERS_COUNT_MAX;
  server.maxConnections = CONNECTIONS_MAX;
  // What is not HTTP never reaches express.
  server.on('clientError', (_error, socket: Socket) => {
    if (!socket.writable) return;
    const body = JSON.stringify({ code: 'FAIL', message: 'the request is malformed' });
    const head = `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`;
    socket.end(`${head}\r\nConnection: close\r\n\r\n${body}`);
  });
}
