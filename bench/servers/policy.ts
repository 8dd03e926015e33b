import type { QuotaPolicy } from '../../src/quota/commands';

/** The service's defaults, for what is written without it. */
export const BENCH_POLICY: QuotaPolicy = {
  compensationGraceDays: 7,
  settleAfterMs: 120 * 60_000,
  caseAfterMs: 1_440 * 60_000,
  lowUnits: 10,
};
