import type { Account, Lot, LotChange } from '../../src/quota/account';
import type {
  CallerQuotaCommand,
  CaptureCommand,
  ConsumeCommand,
  HoldCommand,
  OutcomeCommand,
  QuotaPolicy,
  RefundCommand,
  ReleaseCommand,
} from '../../src/quota/commands';
import { CHAIN_START } from '../../src/quota/log-chain';

/** Quota accounts and commands in memory, for tests of the rules without a database. */

/** The instant that tests of the rules count from. */
export const EPOCH = new Date('2026-01-10T04:00:00.000Z');

const HOUR_MS = 3_600_000;

/** The policy of a service without settings of its own. */
export const POLICY: QuotaPolicy = {
  compensationGraceDays: 7,
  settleAfterMs: 2 * HOUR_MS,
  caseAfterMs: 24 * HOUR_MS,
  lowUnits: 10,
};

/** EPOCH moved by milliseconds. */
export function at(ms: number): Date {
  return new Date(EPOCH.getTime() + ms);
}

/** A lot; by default a registration lot of 10 that never expires. */
export function lotOf(fields: Partial<Lot> & { readonly grantId: number }): Lot {
  const amount = fields.amount ?? 10;
  return {
    source: 'registration',
    remaining: amount,
    held: 0,
    expireTime: null,
    revokeTime: null,
    ...fields,
    amount,
  };
}

/** An account without rows, as registration leaves it before its grant. */
export function emptyAccount(userId = 'u-1', now = EPOCH): Account {
  const log = { quotaRemaining: 0, logSequence: 0, logHash: CHAIN_START, logTime: now };
  return { userId, ...log, lots: [], rows: [], charges: [], outcomes: [] };
}

const WHO = { userId: 'u-1', actor: 'spiffe://billing/ai-task-service/test' } as const;
const TASK = { taskId: '', taskType: '', description: '' } as const;

/** A command of each kind, by default about one unit and without task, under an id of its kind. */
export const commandOf = {
  consume: (fields: Partial<ConsumeCommand> = {}): ConsumeCommand => {
    return { kind: 'ConsumeQuota', requestId: 'c-1', amount: 1, ...TASK, ...WHO, ...fields };
  },
  hold: (fields: Partial<HoldCommand> = {}): HoldCommand => {
    return { kind: 'HoldQuota', requestId: 'h-1', amount: 1, ttlMs: 0, ...TASK, ...WHO, ...fields };
  },
  capture: (fields: Partial<CaptureCommand> = {}): CaptureCommand => {
    return { kind: 'CaptureQuota', requestId: 'k-1', holdId: 'h-1', amount: 1, ...WHO, ...fields };
  },
  release: (fields: Partial<ReleaseCommand> = {}): ReleaseCommand => {
    return { kind: 'ReleaseQuota', requestId: 'l-1', holdId: 'h-1', reason: '', ...WHO, ...fields };
  },
  /** All that is left. */
  refund: (fields: Partial<RefundCommand> = {}): RefundCommand => {
    return { kind: 'RefundQuota', requestId: 'r-1', consumeRequestId: 'c-1', amount: 0, reason: '', ...WHO, ...fields };
  },
  outcome: (fields: Partial<OutcomeCommand> = {}): OutcomeCommand => {
    return { kind: 'ReportTaskOutcome', requestId: 'o-1', taskId: 't-1', outcome: 'FAILED', ...WHO, ...fields };
  },
} satisfies Record<string, (fields: never) => CallerQuotaCommand>;

/** Sum of signed changes. */
export function sumOf(changes: readonly LotChange[]): number {
  return changes.reduce((sum, [, change]) => sum + change, 0);
}
