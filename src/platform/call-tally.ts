import { Counter, type Metric, type Registry } from 'prom-client';
import type { Caller } from './calls';

/** Upper bounds in seconds: from a cached read to the longest deadline that is granted. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;

const DURATION_NAME = 'billing_rpc_duration_seconds';

/** One answered call, as it is counted. */
export interface AnsweredCall {
  readonly rpc: string;
  /** Undefined when the certificate named nobody. */
  readonly caller: Caller | undefined;
  readonly code: string;
  /** Empty when OK. */
  readonly reason: string;
  readonly durationMs: number;
}

interface Outcome {
  readonly labels: Record<'rpc' | 'code' | 'reason' | 'caller', string>;
  /** Calls since the last scrape. */
  count: number;
}

/** Calls of one RPC since the process began. */
interface Durations {
  /** As many as there are bounds, and one more for what is longer than all. */
  readonly counts: number[];
  sumSeconds: number;
}

/**
 * Counts answered calls. prom-client puts labels together and checks them on every call, which costs more than all
 * the rest of counting; here a call finds its numbers by strings that exist already, and labels are for the scrape.
 */
export class CallTally {
  /** By RPC, by identity, by reason: the reason tells the code. */
  private readonly outcomes = new Map<string, Map<string, Map<string, Outcome>>>();
  private readonly durations = new Map<string, Durations>();

  constructor(registry: Registry) {
    const outcomesToTell = (): Outcome[] => this.takeOutcomes();
    new Counter({
      name: 'billing_rpc_requests_total',
      help: 'Billing calls answered, by RPC, gRPC code, reason (empty when OK) and caller (role/name).',
      labelNames: ['rpc', 'code', 'reason', 'caller'] as const,
      registers: [registry],
      collect() {
        for (const { labels, count } of outcomesToTell()) this.inc(labels, count);
      },
    });
    const durations = {
      name: DURATION_NAME,
      get: () => Promise.resolve(this.durationMetric()),
    };
    // The registry asks no more of a metric than its name and what get() answers.
    registry.registerMetric(durations as unknown as Metric);
  }

  /** Counts one call. */
  add(call: AnsweredCall): void {
    this.outcomeOf(call).count += 1;
    let durations = this.durations.get(call.rpc);
    if (durations === undefined) {
      durations = { counts: [...DURATION_BUCKETS.map(() => 0), 0], sumSeconds: 0 };
      this.durations.set(call.rpc, durations);
    }
    const seconds = call.durationMs / 1_000;
    let bucket = 0;
    while (bucket < DURATION_BUCKETS.length && seconds > (DURATION_BUCKETS[bucket] ?? 0)) bucket += 1;
    durations.counts[bucket] = (durations.counts[bucket] ?? 0) + 1;
    durations.sumSeconds += seconds;
  }

  private outcomeOf({ rpc, caller, code, reason }: AnsweredCall): Outcome {
    const identity = caller?.identity ?? '';
    const known = this.outcomes.get(rpc)?.get(identity)?.get(reason);
    if (known !== undefined) return known;
    const label = caller === undefined ? 'unknown' : `${caller.role}/${caller.name}`;
    const outcome = { labels: { rpc, code, reason, caller: label }, count: 0 };
    const ofRpc = this.outcomes.get(rpc) ?? new Map<string, Map<string, Outcome>>();
    const ofCaller = ofRpc.get(identity) ?? new Map<string, Outcome>();
    this.outcomes.set(rpc, ofRpc.set(identity, ofCaller.set(reason, outcome)));
    return outcome;
  }

  /** What was counted since this was last asked. */
  private takeOutcomes(): Outcome[] {
    const all = [...this.outcomes.values()].flatMap((ofRpc) => [...ofRpc.values()].flatMap((map) => [...map.values()]));
    const taken = all.filter(({ count }) => count > 0).map((outcome) => ({ ...outcome }));
    for (const outcome of all) outcome.count = 0;
    return taken;
  }

  private durationMetric() {
    const values = [...this.durations].flatMap(([rpc, { counts, sumSeconds }]) => {
      let total = 0;
      const buckets = counts.map((count, i) => {
        total += count;
        return {
          metricName: `${DURATION_NAME}_bucket`,
          labels: { le: DURATION_BUCKETS[i] ?? '+Inf', rpc },
          value: total,
        };
      });
      return [
        ...buckets,
        { metricName: `${DURATION_NAME}_sum`, labels: { rpc }, value: sumSeconds },
        { metricName: `${DURATION_NAME}_count`, labels: { rpc }, value: total },
      ];
    });
    const help = 'Time from a request being received to its answer, by RPC.';
    return { name: DURATION_NAME, help, type: 'histogram', values, aggregator: 'sum' };
  }
}
