import { monotonicMs } from '../../src/platform/clock';

/** How long calls took, with the time each began. */
export class Latencies {
  private readonly calls: { readonly startMs: number; readonly ms: number }[] = [];

  /** Times one call. */
  async time<Result>(call: () => Promise<Result>): Promise<Result> {
    const startMs = monotonicMs();
    const result = await call();
    this.calls.push({ startMs, ms: monotonicMs() - startMs });
    return result;
  }

  /** Those that began in a span of the monotonic clock. */
  between(fromMs: number, toMs = Number.POSITIVE_INFINITY): readonly number[] {
    return this.calls.filter(({ startMs }) => startMs >= fromMs && startMs < toMs).map(({ ms }) => ms);
  }
}

/** The latency that so many percent of calls did not exceed. */
export function percentile(latencies: readonly number[], percent: number): number {
  const sorted = [...latencies].sort((first, second) => first - second);
  const value = sorted[Math.ceil((sorted.length * percent) / 100) - 1];
  if (value === undefined) throw new Error('no calls were timed');
  return value;
}
