import {
  CaptureQuotaRequest,
  ConsumeQuotaRequest,
  HoldQuotaRequest,
  RefundQuotaRequest,
  ReleaseQuotaRequest,
  ReportTaskOutcomeRequest,
  TaskOutcome,
  type QuotaLog,
  type QuotaServiceClient,
} from '../../src/gen/billing/v1/quota_service.pb';
import { call, type Reply } from './clients';

/** What every quota command answers, as far as its truth can be checked. */
interface Answer {
  readonly log?: QuotaLog | undefined;
  readonly logs?: readonly QuotaLog[];
  readonly quotaRemaining: number;
  readonly replayed: boolean;
}

/** One command, ready to be sent, again and again with the same content. */
interface Command {
  readonly requestId: string;
  readonly send: (quota: QuotaServiceClient) => Promise<Reply<Answer>>;
}

/** Callers that remember every answer and know which answers are lies. */
export interface QuotaCallers {
  /** Rows that were acknowledged, by user. */
  readonly rows: ReadonlyMap<string, readonly QuotaLog[]>;
  /** Answers that no caller may get: refusals, and `replayed` where it is not true. */
  readonly wrong: readonly string[];
  /** Commands that were answered. */
  readonly answered: number;
  /** Attempts that ended without saying what became of them. */
  readonly unanswered: number;
  /** Of the commands with such attempts, how many then turned out to have been done, and how many not. */
  readonly resolved: { readonly done: number; readonly undone: number };
  /** One round of every command of the ledger for a user, each repeated until it is answered. */
  round(userId: string, homeIndex: number): Promise<void>;
}

/** Statuses that leave open whether the command was done. */
const IN_DOUBT = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'CANCELLED']);
/** Statuses of calls that did nothing and may simply be sent again. */
const UNDONE = new Set(['RESOURCE_EXHAUSTED', 'ABORTED']);
/** Reasons of UNAVAILABLE that say that nothing was done. */
const UNDONE_REASONS = new Set(['SHUTTING_DOWN', 'OVERLOADED']);

/** The rows an answer is about. */
function rowsOf({ log, logs = [] }: Pick<Answer, 'log' | 'logs'>): readonly QuotaLog[] {
  return log === undefined ? logs : [log, ...logs];
}

/** What a test may do differently. */
export interface CallersOptions {
  readonly timeoutMs?: number;
  /** Looks up, after an attempt without an answer, whether it was done; undefined when that can not be known. */
  readonly isDone?: (userId: string, requestId: string) => Promise<boolean>;
}

/** Makes callers of one or several processes; who gets no answer from one asks the next. */
export function createQuotaCallers(
  clients: readonly QuotaServiceClient[],
  { timeoutMs = 10_000, isDone }: CallersOptions = {},
): QuotaCallers {
  const rows = new Map<string, QuotaLog[]>();
  const wrong: string[] = [];
  const counts = { answered: 0, unanswered: 0, rounds: 0 };
  const resolved = { done: 0, undone: 0 };

  const waitUntilReady = (quota: QuotaServiceClient): Promise<void> =>
    new Promise((resolve) => quota.waitForReady(Date.now() + 1_000, () => resolve()));

  /** Sends until there is an answer; undefined after a refusal, which is wrong. */
  const ask = async (userId: string, home: number, command: Command): Promise<Answer | undefined> => {
    let doubts = 0;
    let known: boolean | undefined;
    for (let attempts = 0; ; attempts += 1) {
      const quota = clients[(home + attempts) % clients.length];
      if (quota === undefined) throw new Error('callers need a client');
      const reply = await command.send(quota);
      if (reply.ok) {
        const { replayed } = reply.response;
        if (doubts === 0 && replayed) wrong.push(`${command.requestId} of ${userId}: replayed, but never asked before`);
        if (known !== undefined && replayed !== known) {
          wrong.push(`${command.requestId} of ${userId}: replayed=${replayed}, but done before: ${known}`);
        }
        if (doubts > 0) resolved[replayed ? 'done' : 'undone'] += 1;
        counts.answered += 1;
        return reply.response;
      }
      const { code, reason } = reply;
      if (IN_DOUBT.has(code) && !UNDONE_REASONS.has(reason)) {
        doubts += 1;
        counts.unanswered += 1;
        known = await isDone?.(userId, command.requestId);
      } else if (!UNDONE.has(code) && !UNDONE_REASONS.has(reason)) {
        wrong.push(`${command.requestId} of ${userId}: refused with ${code} ${reason} ${reply.error.details}`);
        return undefined;
      }
      await waitUntilReady(quota);
    }
  };

  const round = async (userId: string, home: number): Promise<void> => {
    counts.rounds += 1;
    const commands = commandsOf(userId, `q${counts.rounds}`, timeoutMs);
    const known = rows.get(userId) ?? [];
    rows.set(userId, known);
    for (const command of commands.inOrder) {
      const answer = await ask(userId, home, command);
      if (answer !== undefined) known.push(...rowsOf(answer));
      if (answer === undefined || command !== commands.repeated) continue;
      const again = await ask(userId, home, { ...command, send: expectReplay(command, answer, wrong) });
      if (again !== undefined) counts.answered -= 1;
    }
  };
  return {
    rows,
    wrong,
    resolved,
    round,
    get answered() {
      return counts.answered;
    },
    get unanswered() {
      return counts.unanswered;
    },
  };
}

/** Sends a command that was answered before: the answer must be the same, and say that it is a repeat. */
function expectReplay(command: Command, first: Answer, wrong: string[]): Command['send'] {
  return async (quota) => {
    const reply = await command.send(quota);
    if (!reply.ok) return reply;
    const isSame = rowsOf(reply.response).every(({ hash }, i) => hash === rowsOf(first)[i]?.hash);
    if (!reply.response.replayed || !isSame) wrong.push(`${command.requestId}: repeated, and answered otherwise`);
    // Judged here: to the sender it is an answer like any other.
    return { ok: true, response: { ...reply.response, replayed: false } };
  };
}

/** Every command of the ledger once: 2 − 1 units consumed, 3 held and 2 of them captured, the rest comes back. */
function commandsOf(userId: string, id: string, timeoutMs: number): { inOrder: readonly Command[]; repeated: Command } {
  const key = (what: string) => ({ userId, requestId: `${id}-${what}` });
  const consumed = { ...key('consume'), amount: 2, taskId: `${id}-a` };
  const make = (requestId: string, send: Command['send']): Command => ({ requestId, send });
  const consume = (fields: Partial<ConsumeQuotaRequest>): Command => {
    const request = ConsumeQuotaRequest.fromPartial(fields);
    return make(request.requestId, (quota) => call(quota.consumeQuota.bind(quota), request, timeoutMs));
  };
  const hold = (fields: Partial<HoldQuotaRequest>): Command => {
    const request = HoldQuotaRequest.fromPartial(fields);
    return make(request.requestId, (quota) => call(quota.holdQuota.bind(quota), request, timeoutMs));
  };
  const refunded = RefundQuotaRequest.fromPartial({
    ...key('refund'),
    consumeRequestId: consumed.requestId,
    amount: 1,
  });
  const captured = CaptureQuotaRequest.fromPartial({ ...key('capture'), holdId: `${id}-hold-1`, amount: 2 });
  const released = ReleaseQuotaRequest.fromPartial({ ...key('release'), holdId: `${id}-hold-2` });
  const failed = { ...key('outcome'), taskId: `${id}-d`, outcome: TaskOutcome.FAILED };
  const reported = ReportTaskOutcomeRequest.fromPartial(failed);
  const refund = make(refunded.requestId, (quota) => call(quota.refundQuota.bind(quota), refunded, timeoutMs));
  const inOrder = [
    consume(consumed),
    refund,
    hold({ ...key('hold-1'), amount: 3, taskId: `${id}-b` }),
    make(captured.requestId, (quota) => call(quota.captureQuota.bind(quota), captured, timeoutMs)),
    hold({ ...key('hold-2'), amount: 3, taskId: `${id}-c` }),
    make(released.requestId, (quota) => call(quota.releaseQuota.bind(quota), released, timeoutMs)),
    hold({ ...key('hold-3'), amount: 3, taskId: failed.taskId }),
    consume({ ...key('consume-2'), amount: 4, taskId: failed.taskId }),
    make(reported.requestId, (quota) => call(quota.reportTaskOutcome.bind(quota), reported, timeoutMs)),
  ];
  return { inOrder, repeated: refund };
}
