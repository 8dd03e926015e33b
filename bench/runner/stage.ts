import type { Connection } from 'mysql2/promise';
import { systemClock } from '../../src/platform/clock';
import type { ServerSettings } from '../servers/serve';
import { DATABASE, makeRun, type Stage } from './bench';
import { stopChild } from './child';
import { createCopy, createLimiterDatabase, createSeed } from './databases';
import { databaseUrl, type BenchInfra } from './infra';
import type { BenchOptions } from './options';
import { LARGE_CONSUMES_EACH, USER_COUNT, type Run, type Scenario, type Variant } from './plan';
import { startBenchServer, startService, type RunningServer } from './servers';

/** Pools that the textbook may have; the best for each scenario is what it is measured with. */
const POOL_SIZES = [8, 16, 32, 64];
const LIMITER_POOL_SIZE = 32;
/** A server is measured when V8 has compiled what it runs, which takes calls rather than time; a slow machine gives up. */
const WARM_CALLS = 30_000;
const WARM_STEP_MS = 2_000;
const WARM_STEPS_MAX = 8;
const CALIBRATE = { warmupMs: 500, measureMs: 1_500 };

type Say = (line: string) => void;

/** Makes the databases and their users. */
export async function prepareDatabases(
  infra: BenchInfra,
  root: Connection,
  { isLarge }: BenchOptions,
  say: Say,
): Promise<void> {
  const now = systemClock.now();
  await createSeed(infra, root, DATABASE.seed, { lastUser: USER_COUNT.uniform, consumesEach: 0 }, now);
  await createCopy(infra, root, DATABASE.textbook, DATABASE.seed);
  await createCopy(infra, root, DATABASE.ours, DATABASE.seed);
  await createLimiterDatabase(infra, root, DATABASE.limiter);
  if (!isLarge) return;
  const startedAtMs = performance.now();
  say(`seeding ${USER_COUNT.large} users with ${LARGE_CONSUMES_EACH + 1} log rows each …`);
  const population = { lastUser: USER_COUNT.large, consumesEach: LARGE_CONSUMES_EACH };
  await createSeed(infra, root, DATABASE.large, population, now);
  say(`seeded in ${Math.round((performance.now() - startedAtMs) / 1_000)} s`);
}

function textbookSettings(infra: BenchInfra, database: string, poolSize: number): ServerSettings {
  return { tlsDir: infra.tlsDir, databaseUrl: databaseUrl(infra, 'app', database), poolSize };
}

function textbookRun(scenario: Scenario): Run {
  return { scenario, variant: 'textbook', load: 'closed', callers: 64, offeredShare: 0 };
}

/** A server of the textbook and what it did while being tried. */
interface Candidate {
  readonly poolSize: number;
  readonly server: RunningServer;
  readonly perSecond: Readonly<Record<'uniform' | 'hot', number>>;
}

async function tryPoolSize(infra: BenchInfra, root: Connection, poolSize: number): Promise<Candidate> {
  const server = await startBenchServer('textbook', textbookSettings(infra, DATABASE.textbook, poolSize));
  const stage: Stage = { infra, root, serverOf: () => server };
  await warmUp(stage, textbookRun('uniform'));
  const uniform = (await makeRun(stage, textbookRun('uniform'), 0, CALIBRATE)).perSecond;
  const hot = (await makeRun(stage, textbookRun('hot'), 0, CALIBRATE)).perSecond;
  return { poolSize, server, perSecond: { uniform, hot } };
}

/** Tries all pool sizes and keeps the best server for each scenario; the others are stopped. */
async function startTextbooks(
  infra: BenchInfra,
  root: Connection,
  poolSizes: readonly number[],
  say: Say,
): Promise<{ readonly uniform: Candidate; readonly hot: Candidate }> {
  const candidates: Candidate[] = [];
  for (const poolSize of poolSizes) {
    const candidate = await tryPoolSize(infra, root, poolSize);
    const { uniform, hot } = candidate.perSecond;
    say(`textbook with a pool of ${poolSize}: ${Math.round(uniform)}/s uniform, ${Math.round(hot)}/s hot`);
    candidates.push(candidate);
  }
  const bestFor = (scenario: 'uniform' | 'hot'): Candidate =>
    candidates.reduce((best, next) => (next.perSecond[scenario] > best.perSecond[scenario] ? next : best));
  const best = { uniform: bestFor('uniform'), hot: bestFor('hot') };
  const others = candidates.filter((candidate) => candidate !== best.uniform && candidate !== best.hot);
  for (const { server } of others) await stopChild(server.child);
  return best;
}

/** Starts every server that the planned runs need, tries the textbook's pool sizes and warms everything up. */
export async function setStage(
  infra: BenchInfra,
  root: Connection,
  runs: readonly Run[],
  options: BenchOptions,
  say: Say,
): Promise<Stage> {
  const servers = new Map<string, RunningServer>();
  const needs = (scenario: Scenario | undefined, ...variants: readonly Variant[]): boolean =>
    runs.some((run) => variants.includes(run.variant) && (scenario === undefined || run.scenario === scenario));
  const { tlsDir } = infra;
  if (needs(undefined, 'textbook')) {
    const best = await startTextbooks(infra, root, options.isQuick ? [16, 32] : POOL_SIZES, say);
    servers.set('uniform textbook', best.uniform.server);
    servers.set('hot textbook', best.hot.server);
    if (needs('large', 'textbook')) {
      const settings = textbookSettings(infra, DATABASE.large, best.uniform.poolSize);
      servers.set('large textbook', await startBenchServer('textbook', settings));
    }
  }
  if (needs(undefined, 'echo')) {
    servers.set('echo', await startBenchServer('echo', { tlsDir, databaseUrl: '', poolSize: 0 }));
  }
  if (needs(undefined, 'rate-limiter-flexible')) {
    const settings = textbookSettings(infra, DATABASE.limiter, LIMITER_POOL_SIZE);
    servers.set('rate-limiter-flexible', await startBenchServer('rate-limiter-flexible', settings));
  }
  if (needs(undefined, 'ours', 'batch')) servers.set('ours', await startService(infra, DATABASE.ours));
  if (needs('large', 'ours')) servers.set('large ours', await startService(infra, DATABASE.large));
  const stage: Stage = {
    infra,
    root,
    serverOf: (scenario, variant) => {
      const name = variant === 'batch' ? 'ours' : variant;
      const server = servers.get(`${scenario} ${name}`) ?? servers.get(name);
      if (server === undefined) throw new Error(`no server for ${scenario} ${variant}`);
      return server;
    },
  };
  await warmUpAll(stage, runs);
  return stage;
}

/** Runs until the server has answered enough. */
async function warmUp(stage: Stage, run: Run): Promise<void> {
  let calls = 0;
  for (let step = 0; step < WARM_STEPS_MAX && calls < WARM_CALLS; step += 1) {
    const { load } = await makeRun(stage, run, 0, { warmupMs: 1, measureMs: WARM_STEP_MS });
    calls += load.acknowledged;
  }
}

/** Warms up everything that was not tried already. */
async function warmUpAll(stage: Stage, runs: readonly Run[]): Promise<void> {
  const warm = new Set(['textbook']);
  for (const run of runs) {
    const name = `${run.scenario === 'large' ? 'large ' : ''}${run.variant}`;
    if (warm.has(name)) continue;
    warm.add(name);
    await warmUp(stage, { ...run, load: 'closed', callers: 64, offeredShare: 0 });
  }
}
