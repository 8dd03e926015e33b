import type { Connection } from 'mysql2/promise';
import { systemClock } from '../../src/platform/clock';
import type { ServerSettings } from '../servers/serve';
import { DATABASE, makeRun, type Stage } from './bench';
import { stopChild } from './child';
import { createCopy, createLimiterDatabase, createNewcomers, createSeed, restoreClaims } from './databases';
import { databaseUrl, type BenchInfra } from './infra';
import type { BenchOptions } from './options';
import { LARGE_CONSUMES_EACH, USER_COUNT, type Run, type Scenario, type Variant } from './plan';
import { NO_WECHATPAY, startBenchServer, startService, startWechatpay, type RunningServer } from './servers';

/** Pools that the textbook may have; the best for each scenario is what it is measured with. */
const POOL_SIZES = [8, 16, 32, 64];
const LIMITER_POOL_SIZE = 32;
/** As many as its callers have calls under way. */
const ORDERS_POOL_SIZE = 16;
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
  runs: readonly Run[],
  { isLarge }: BenchOptions,
  say: Say,
): Promise<void> {
  const now = systemClock.now();
  await createSeed(infra, root, DATABASE.seed, { lastUser: USER_COUNT.uniform, consumesEach: 0 }, now);
  await createCopy(infra, root, DATABASE.textbook, DATABASE.seed);
  await createCopy(infra, root, DATABASE.ours, DATABASE.seed);
  await createLimiterDatabase(infra, root, DATABASE.limiter);
  if (runs.some(({ scenario }) => scenario === 'claims')) {
    for (const name of [DATABASE.claimsTextbook, DATABASE.claimsOurs]) {
      await createNewcomers(infra, root, name, USER_COUNT.claims, now);
      await restoreClaims(root, name);
    }
  }
  if (runs.some(({ scenario }) => scenario === 'orders')) {
    for (const name of [DATABASE.ordersTextbook, DATABASE.ordersOurs]) {
      await createNewcomers(infra, root, name, USER_COUNT.orders, now);
    }
  }
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

/** A server of the textbook and what it did in each scenario while being tried. */
interface Candidate {
  readonly poolSize: number;
  readonly server: RunningServer;
  readonly perSecond: ReadonlyMap<Scenario, number>;
}

/** Scenarios of one database, for each of which the textbook's pool is chosen; the server warms up with the first. */
interface Trial {
  readonly database: string;
  readonly scenarios: readonly [Scenario, ...Scenario[]];
  readonly quickPoolSizes: readonly number[];
}

const CONSUME_TRIAL: Trial = {
  database: DATABASE.textbook,
  scenarios: ['uniform', 'hot'],
  quickPoolSizes: [16, 32],
};
const CLAIM_TRIAL: Trial = { database: DATABASE.claimsTextbook, scenarios: ['claims'], quickPoolSizes: [16] };
/** Scenarios that share a database and servers; each of the others has its own. */
const SMALL: readonly Scenario[] = ['uniform', 'hot', 'events'];

async function tryPoolSize(
  infra: BenchInfra,
  root: Connection,
  { database, scenarios }: Trial,
  poolSize: number,
): Promise<Candidate> {
  const server = await startBenchServer('textbook', textbookSettings(infra, database, poolSize));
  const stage: Stage = { infra, root, wechatpayUrl: NO_WECHATPAY, serverOf: () => server };
  await warmUp(stage, textbookRun(scenarios[0]));
  const perSecond = new Map<Scenario, number>();
  for (const scenario of scenarios) {
    perSecond.set(scenario, (await makeRun(stage, textbookRun(scenario), 0, CALIBRATE)).perSecond);
  }
  return { poolSize, server, perSecond };
}

/** Tries all pool sizes and keeps the best server for each scenario; the others are stopped. */
async function startTextbooks(
  infra: BenchInfra,
  root: Connection,
  trial: Trial,
  { isQuick }: BenchOptions,
  say: Say,
): Promise<ReadonlyMap<Scenario, Candidate>> {
  const candidates: Candidate[] = [];
  for (const poolSize of isQuick ? trial.quickPoolSizes : POOL_SIZES) {
    const candidate = await tryPoolSize(infra, root, trial, poolSize);
    const figures = [...candidate.perSecond].map(([scenario, figure]) => `${Math.round(figure)}/s ${scenario}`);
    say(`textbook with a pool of ${poolSize}: ${figures.join(', ')}`);
    candidates.push(candidate);
  }
  const figure = ({ perSecond }: Candidate, scenario: Scenario): number => perSecond.get(scenario) ?? 0;
  const bestFor = (scenario: Scenario): Candidate =>
    candidates.reduce((best, next) => (figure(next, scenario) > figure(best, scenario) ? next : best));
  const best = new Map(trial.scenarios.map((scenario) => [scenario, bestFor(scenario)]));
  const kept = new Set(best.values());
  for (const candidate of candidates) if (!kept.has(candidate)) await stopChild(candidate.server.child);
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
  const needs = (scenarios: readonly Scenario[], ...variants: readonly Variant[]): boolean =>
    runs.some((run) => variants.includes(run.variant) && scenarios.includes(run.scenario));
  const { tlsDir } = infra;
  const startBest = async (trial: Trial): Promise<ReadonlyMap<Scenario, Candidate>> => {
    const best = await startTextbooks(infra, root, trial, options, say);
    for (const [scenario, { server }] of best) servers.set(`${scenario} textbook`, server);
    return best;
  };
  if (needs([...SMALL, 'large'], 'textbook')) {
    const best = await startBest(CONSUME_TRIAL);
    if (needs(['large'], 'textbook')) {
      const settings = textbookSettings(infra, DATABASE.large, best.get('uniform')?.poolSize ?? 0);
      servers.set('large textbook', await startBenchServer('textbook', settings));
    }
  }
  if (needs(['claims'], 'textbook')) await startBest(CLAIM_TRIAL);
  if (needs(SMALL, 'echo')) {
    servers.set('echo', await startBenchServer('echo', { tlsDir, databaseUrl: '', poolSize: 0 }));
  }
  if (needs(SMALL, 'rate-limiter-flexible')) {
    const settings = textbookSettings(infra, DATABASE.limiter, LIMITER_POOL_SIZE);
    servers.set('rate-limiter-flexible', await startBenchServer('rate-limiter-flexible', settings));
  }
  if (needs(SMALL, 'ours', 'batch')) servers.set('ours', await startService(infra, DATABASE.ours));
  if (needs(['large'], 'ours')) servers.set('large ours', await startService(infra, DATABASE.large));
  if (needs(['claims'], 'ours')) servers.set('claims ours', await startService(infra, DATABASE.claimsOurs));
  const isOrdered = runs.some(({ scenario }) => scenario === 'orders');
  const wechatpayUrl = isOrdered ? await startWechatpay(infra) : NO_WECHATPAY;
  if (needs(['orders'], 'textbook')) {
    const wechatpay = { url: wechatpayUrl, materialDir: infra.wechatpayDir };
    const settings = { ...textbookSettings(infra, DATABASE.ordersTextbook, ORDERS_POOL_SIZE), wechatpay };
    servers.set('orders textbook', await startBenchServer('textbook-orders', settings));
  }
  if (needs(['orders'], 'ours')) {
    servers.set('orders ours', await startService(infra, DATABASE.ordersOurs, wechatpayUrl));
  }
  const stage: Stage = {
    infra,
    root,
    wechatpayUrl,
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
  const warm = new Set(['textbook', 'claims textbook']);
  for (const run of runs) {
    const name = SMALL.includes(run.scenario) ? run.variant : `${run.scenario} ${run.variant}`;
    if (warm.has(name)) continue;
    warm.add(name);
    await warmUp(stage, { ...run, load: 'closed', callers: 64, offeredShare: 0 });
  }
}
