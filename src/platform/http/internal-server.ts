import { createServer } from 'node:http';
import express, { type Express } from 'express';
import type { Logger } from '../log';
import type { Metrics } from '../metrics';
import { httpServer, type HttpServer } from './listening';

/** Rejects when what it checks is not usable. The error is logged; the probe only says which check failed. */
export type ReadinessCheck = () => Promise<void>;

/** A check that hangs is a check that failed; orchestrators give a probe about this long. */
const CHECK_TIMEOUT_MS = 2_000;

export interface InternalServerOptions {
  readonly metrics: Pick<Metrics, 'contentType' | 'render'>;
  /** By name, for example `database`, `redis`, `clock`. */
  readonly checks: Readonly<Record<string, ReadinessCheck>>;
  readonly log: Logger;
}

/**
 * The server of the internal port, never exposed: `/metrics` for Prometheus, `/healthz` while the process is alive,
 * `/readyz` with 200 or 503 and the result of each check.
 */
export function createInternalServer(options: InternalServerOptions): HttpServer {
  return httpServer(createServer(internalApp(options)));
}

function internalApp({ metrics, checks, log }: InternalServerOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.get('/metrics', async (_request, response) => {
    response.set('Content-Type', metrics.contentType).send(await metrics.render());
  });
  app.get('/healthz', (_request, response) => {
    response.json({ alive: true });
  });
  app.get('/readyz', async (_request, response) => {
    const results = await Promise.all(
      Object.entries(checks).map(async ([name, check]) => ({ name, isPassed: await passes(name, check, log) })),
    );
    const isReady = results.every(({ isPassed }) => isPassed);
    const byName = Object.fromEntries(results.map(({ name, isPassed }) => [name, isPassed ? 'ok' : 'failed']));
    response.status(isReady ? 200 : 503).json({ ready: isReady, checks: byName });
  });
  return app;
}

async function passes(name: string, check: ReadinessCheck, log: Logger): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${CHECK_TIMEOUT_MS} ms`)), CHECK_TIMEOUT_MS);
  });
  try {
    await Promise.race([check(), timeout]);
    return true;
  } catch (error) {
    log.warn({ check: name, err: error }, 'readiness check failed');
    return false;
  } finally {
    clearTimeout(timer);
  }
}
