import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express, type RequestHandler } from 'express';
import { monotonicMs, type Clock } from '../../src/platform/clock';
import { apiRouter } from './api/router';
import { Authorizer } from './authorization';
import { Books } from './books';
import { controlRouter } from './control/router';
import { CALLBACK_TIMEOUT_MS, COMPRESSED_RETRY_DELAYS_MS, Courier } from './courier';
import { cashierRouter } from './cashier/router';
import { Faults } from './faults';
import { Holding } from './holding';
import { KeyRing } from './key-ring';
import type { Log } from './log';
import { loadMaterial } from './material';
import { Notifier } from './notifier';
import { RefundDesk } from './refund-desk';

export interface SimulatorOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly materialDir: string;
  /** Where orders, refunds and notifications survive a restart; without it they live in memory only. */
  readonly stateDir?: string;
  readonly clock: Clock;
  /** Waits before the repeats of a refused notification; default: WeChat Pay's table, a hundred times faster. */
  readonly retryDelaysMs?: readonly number[];
  /** How long the merchant may take to answer a notification; default 5 s. */
  readonly callbackTimeoutMs?: number;
  /** Default: silent. */
  readonly log?: Log;
}

export interface Simulator {
  readonly url: string;
  /** Stops listening, aborts notifications on their way (they stay pending) and closes the state. */
  close(): Promise<void>;
}

/** Starts a local WeChat Pay on 127.0.0.1. @throws Error when the material is incomplete or the port is taken. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { clock, log = () => undefined } = options;
  const material = loadMaterial(options.materialDir);
  const books = new Books(options.stateDir);
  const keys = new KeyRing(material, books, clock);
  const faults = new Faults();
  const courier = new Courier({
    books,
    keys,
    apiv3Key: material.apiv3Key,
    faults,
    clock,
    log,
    retryDelaysMs: options.retryDelaysMs ?? COMPRESSED_RETRY_DELAYS_MS,
    callbackTimeoutMs: options.callbackTimeoutMs ?? CALLBACK_TIMEOUT_MS,
  });
  const notifier = new Notifier({ books, courier, keys, clock });
  const refunds = new RefundDesk({ books, notifier, clock });
  const authorizer = new Authorizer(material, clock);
  const reportBug = (error: unknown): void => {
    log({ event: 'bug', error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  };
  const money = { books, material, courier, notifier, refunds, clock, reportBug };
  const holding = new Holding();
  const shared = { ...money, keys, authorizer, faults, holding };

  const app = express();
  app.disable('x-powered-by').disable('etag');
  app.use(logRequest(log));
  app.use('/_control', controlRouter(shared));
  app.use('/cashier', cashierRouter(money));
  app.use(apiRouter(shared));
  const server = await listen(app, options.port);
  courier.resume();
  refunds.resume();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      holding.close();
      refunds.close();
      await courier.close();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      books.close();
    },
  };
}

/** The path without its query; whichever way the response ended, `status` 0 being one that never began. */
function logRequest(log: Log): RequestHandler {
  return (req, res, next) => {
    const startedMs = monotonicMs();
    const path = req.path;
    res.on('close', () => {
      log({
        event: 'request',
        method: req.method,
        path,
        status: res.headersSent ? res.statusCode : 0,
        code: String(res.locals['code'] ?? ''),
        durationMs: Math.round(monotonicMs() - startedMs),
      });
    });
    next();
  };
}

function listen(app: Express, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = app.listen(port, '127.0.0.1', (error?: Error) => {
      if (error === undefined) resolve(server);
      else reject(error);
    });
  });
}
