import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
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

/** Why a request got no further than the server: its body is above the bound, or it is not HTTP that we read. */
export type RefusedRequest = 'too_large' | 'unreadable';

export interface EdgeServerOptions {
  readonly routes: readonly EdgeRoute[];
  /** A longer body is answered 413 and thrown away. */
  readonly bodyBytesMax: number;
  /** Called once for each request that no route got to see; not for 404. */
  readonly onRefused: (reason: RefusedRequest) => void;
  readonly log: Logger;
}

/** Bounds on what a stranger may keep open: headers within 5 s, a whole request within 10 s, an idle socket 15 s. */
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 15_000;
const KEEP_ALIVE_TIMEOUT_MS = 5_000;
/** How often node looks for headers and requests that are overdue; its own 30 s would make the bounds above 35 and 40 s. */
const OVERDUE_CHECK_INTERVAL_MS = 1_000;
const HEADER_BYTES_MAX = 16_384;
const HEADERS_COUNT_MAX = 64;
const CONNECTIONS_MAX = 1_000;

/**
 * The public HTTP server. It answers POST on its routes and GET /healthz, nothing else. Failures have the body
 * `{"code":"FAIL","message":"…"}` and never say what went wrong inside.
 */
export function createEdgeServer(options: EdgeServerOptions): HttpServer {
  const refusals = createRefusals(options.onRefused);
  const limits = { maxHeaderSize: HEADER_BYTES_MAX, connectionsCheckingInterval: OVERDUE_CHECK_INTERVAL_MS };
  const server = createServer(limits, edgeApp(options, refusals));
  boundConnections(server);
  refuseBeforeExpress(server, refusals);
  return httpServer(server);
}

/** Counts each refused request once, though its body may be found wanting here and its connection break later. */
interface Refusals {
  /** A request begins on this connection. */
  begin(socket: Socket): void;
  /** Returns false when the request was refused before. */
  refuse(socket: Socket, reason: RefusedRequest): boolean;
}

function createRefusals(onRefused: EdgeServerOptions['onRefused']): Refusals {
  const refused = new WeakSet<Socket>();
  return {
    begin: (socket) => void refused.delete(socket),
    refuse: (socket, reason) => {
      if (refused.has(socket)) return false;
      refused.add(socket);
      onRefused(reason);
      return true;
    },
  };
}

function edgeApp({ routes, bodyBytesMax, log }: EdgeServerOptions, refusals: Refusals): Express {
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
  app.use(errorResponder(log, refusals));
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
function errorResponder(log: Logger, refusals: Refusals): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    const status = error instanceof Error ? (error as Error & { status?: unknown }).status : undefined;
    const isCallersFault = typeof status === 'number' && status >= 400 && status < 500;
    if (isCallersFault) refusals.refuse(request.socket, status === 413 ? 'too_large' : 'unreadable');
    else log.error({ path: request.path, err: error }, 'edge request failed');
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
}

const MALFORMED_BODY = JSON.stringify({ code: 'FAIL', message: 'the request is malformed' });

/** What is not HTTP, is overdue or expects what we do not do never reaches express. */
function refuseBeforeExpress(server: Server, refusals: Refusals): void {
  // Before express, which may refuse a request at once.
  server.prependListener('request', (request: IncomingMessage) => refusals.begin(request.socket));
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    refusals.begin(request.socket);
    refusals.refuse(request.socket, 'unreadable');
    response.writeHead(400, { 'Content-Type': 'application/json' }).end(MALFORMED_BODY);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // A peer that is gone sent no request; where it left one half sent, express finds that out and counts it.
    const isNew = error.code !== 'ECONNRESET' && refusals.refuse(socket, 'unreadable');
    if (!isNew || !socket.writable) {
      socket.destroy();
      return;
    }
    const head = `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: ${MALFORMED_BODY.length}`;
    // Ended alone, the connection would stay open for as long as the peer keeps sending.
    socket.end(`${head}\r\nConnection: close\r\n\r\n${MALFORMED_BODY}`, () => socket.destroy());
  });
}
