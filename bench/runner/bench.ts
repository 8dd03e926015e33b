import type { Connection } from 'mysql2/promise';
import { QuotaServiceService } from '../../src/gen/billing/v1/quota_service.pb';
import { RPCS } from '../load/rpcs';
import type { LoadSettings, RpcName } from '../load/settings';
import { peakMemoryMib, pidOf } from './child';
import { empty, restore, restoreClaims, restoreOrders } from './databases';
import { watchEvents, type EventLag } from './event-lag';
import type { BenchInfra } from './infra';
import {
  BATCH_SIZE,
  CONNECTIONS_MAX,
  REPEATS_PER_MILLE,
  USER_COUNT,
  type Run,
  type Scenario,
  type Variant,
} from './plan';
import { runLoad, type RunOutcome } from './run';
import type { RunningServer } from './servers';
import { checkAll, checkClaims, checkOrders, checkPoints, checkSample } from './verify';

/** Databases of the benchmark: the writers have one each, so that no run sees another's rows. */
export const DATABASE = {
  seed: 'bench_seed',
  textbook: 'bench_textbook',
  ours: 'bench_ours',
  limiter: 'bench_limiter',
  large: 'bench_large',
  claimsTextbook: 'bench_claims_textbook',
  claimsOurs: 'bench_claims_ours',
  ordersTextbook: 'bench_orders_textbook',
  ordersOurs: 'bench_orders_ours',
} as const;

/** Whether the service has BatchConsumeQuota. */
export function hasBatch(): boolean {
  return Object.values(QuotaServiceService).some(({ path }) => String(path) === RPCS.BatchConsumeQuota.path);
}

/** What a run came to. */
export interface Measured extends RunOutcome {
  readonly perSecond: number;
  readonly offeredPerSecond: number;
  /** What is wrong with the rows or the answers. */
  readonly fault: string | undefined;
  readonly memoryMib: number;
  /** Of `events`. */
  readonly eventLag: EventLag | undefined;
}

/** How long a run lasts. */
export interface Duration {
  readonly warmupMs: number;
  readonly measureMs: number;
}

/** Everything a run needs: the stores, and the servers that are up. */
export interface Stage {
  readonly infra: BenchInfra;
  readonly root: Connection;
  /** The local WeChat Pay; empty where nobody orders. */
  readonly wechatpayUrl: string;
  serverOf(scenario: Scenario, variant: Variant): RunningServer;
}

let runsSoFar = 0;

/** The beginning of this run's request ids, which no other run has. */
function nextTag(): string {
  runsSoFar += 1;
  return `r${String(runsSoFar).padStart(5, '0')}`;
}

function databaseOf({ scenario, variant }: Run): string {
  if (variant === 'rate-limiter-flexible') return DATABASE.limiter;
  if (scenario === 'large') return DATABASE.large;
  if (scenario === 'claims') return variant === 'textbook' ? DATABASE.claimsTextbook : DATABASE.claimsOurs;
  if (scenario === 'orders') return variant === 'textbook' ? DATABASE.ordersTextbook : DATABASE.ordersOurs;
  return variant === 'textbook' ? DATABASE.textbook : DATABASE.ours;
}

function rpcOf({ scenario, variant }: Run): RpcName {
  if (scenario === 'claims') return 'ClaimCoupon';
  if (scenario === 'orders') return 'CreateOrder';
  return variant === 'batch' ? 'BatchConsumeQuota' : 'ConsumeQuota';
}

/** Puts the run's tables into the state that every run starts from. The million users stay as runs leave them. */
async function prepare(stage: Stage, run: Run): Promise<void> {
  if (run.variant === 'echo' || run.scenario === 'large') return;
  if (run.variant === 'rate-limiter-flexible') await empty(stage.root, DATABASE.limiter);
  else if (run.scenario === 'claims') await restoreClaims(stage.root, databaseOf(run));
  else if (run.scenario === 'orders') await restoreOrders(stage.root, databaseOf(run));
  else await restore(stage.root, databaseOf(run), DATABASE.seed);
}

async function check(stage: Stage, run: Run, tag: string, outcome: RunOutcome): Promise<string | undefined> {
  const written = { database: databaseOf(run), tag, load: outcome.load };
  if (outcome.load.done === 0) return `nothing was answered: ${JSON.stringify(outcome.load.failures)}`;
  if (run.variant === 'echo') return undefined;
  if (run.variant === 'rate-limiter-flexible') return checkPoints(stage.root, written);
  const { wronglyReplayed } = outcome.load;
  if (wronglyReplayed > 0) return `${wronglyReplayed} answers said the wrong thing about being a repeat`;
  const { infra, root } = stage;
  if (run.scenario === 'claims') return checkClaims(root, written);
  if (run.scenario === 'orders') return checkOrders(root, written, stage.wechatpayUrl);
  return run.scenario === 'large' ? checkSample(infra, root, written) : checkAll(infra, root, written);
}

/** Makes one run on its server: prepares the rows, loads, checks the rows. */
export async function makeRun(
  stage: Stage,
  run: Run,
  arrivalsPerSecond: number,
  { warmupMs, measureMs }: Duration,
): Promise<Measured> {
  const server = stage.serverOf(run.scenario, run.variant);
  await prepare(stage, run);
  const tag = nextTag();
  const settings: LoadSettings = {
    port: server.port,
    tlsDir: stage.infra.tlsDir,
    rpc: rpcOf(run),
    tag,
    callers: run.callers,
    connections: Math.min(CONNECTIONS_MAX, run.callers),
    userCount: USER_COUNT[run.scenario],
    batchSize: run.variant === 'batch' ? BATCH_SIZE : 0,
    repeatsPerMille: REPEATS_PER_MILLE,
    warmupMs,
    measureMs,
    arrivalsPerSecond,
  };
  const serverPid = pidOf(server.child);
  const database = databaseOf(run);
  const watch = run.scenario === 'events' ? await watchEvents(stage.infra.redisUrl, `${database}.events`) : undefined;
  const outcome = await runLoad(settings, { ...stage.infra.pids, server: serverPid });
  const seen = await watch?.end(stage.root, database);
  const { done, offered, measuredMs } = outcome.load;
  return {
    ...outcome,
    perSecond: (done / measuredMs) * 1_000,
    offeredPerSecond: (offered / measuredMs) * 1_000,
    fault: seen?.fault ?? (await check(stage, run, tag, outcome)),
    eventLag: seen?.lag,
    memoryMib: peakMemoryMib(serverPid),
  };
}
