import assert from 'node:assert';
import { raiseAlert } from '../alert';
import { OrderRow } from '../order';
import { PaymentRow, RefundRow, WechatpayRefused, type RefundRequest, type ToldRefund } from '../payment';
import { withTx, type Tx } from '../platform/db/tx';
import { DomainError, isReason } from '../platform/errors';
import { fen } from '../platform/money';
import { addMs } from '../platform/time';
import { lockUser } from '../quota';
import { applyRefund } from './apply-refund';
import { moveRefund } from './move-refund';
import { LEASE_SLACK_MS, nextAttemptAfter, SILENT_ATTEMPTS } from './refund-pace';
import { NO_EFFECTS, tellEffects, type RefundEffects, type RefundParts } from './refund-parts';

/** How long a call to WeChat Pay may take, and who waits for it. */
export interface RefundBudget {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Sends a refund whose turn has come, or asks about it; does nothing if its turn has not come, or somebody else took it. */
export async function advanceRefund(parts: RefundParts, id: string, budget: RefundBudget): Promise<void> {
  const taken = await withTx(parts.db, { name: 'TakeRefund' }, async (tx) =>
    takeTurn(tx, parts, await RefundRow.query(tx).findById(id).throwIfNotFound(), parts.clock.now()),
  );
  if (taken === undefined) return;
  try {
    await attemptRefund(parts, taken, budget);
  } catch (error) {
    // A fault: what is left is due at once, so that the next attempt finds it, and the last one is seen (`billing jobs dead`).
    await giveBack(parts, taken);
    throw error;
  }
}

/** Ends the turn undone, if it still is this one. */
async function giveBack({ db, clock }: RefundParts, taken: RefundRow): Promise<void> {
  const { id, status, attempts, nextAttemptTime } = taken;
  await withTx(db, { name: 'GiveRefundBack' }, async (tx) => {
    const mine = RefundRow.query(tx).where({ id, status, attempts, nextAttemptTime });
    await mine.patch({ nextAttemptTime: clock.now() });
  });
}

/** The refund with its attempt counted, if it is due and nobody else took it: so that no two do the same at the same time. */
export async function takeTurn(
  tx: Tx,
  { wechatpayTimeoutMs }: Pick<RefundParts, 'wechatpayTimeoutMs'>,
  refund: RefundRow,
  now: Date,
): Promise<RefundRow | undefined> {
  const { id, status, attempts, nextAttemptTime } = refund;
  if (nextAttemptTime === null || nextAttemptTime.getTime() > now.getTime()) return undefined;
  const taken = { attempts: attempts + 1, nextAttemptTime: addMs(now, 2 * wechatpayTimeoutMs + LEASE_SLACK_MS) };
  const changed = await RefundRow.query(tx).where({ id, status, attempts, nextAttemptTime }).patch(taken);
  return changed === 0 ? undefined : Object.assign(refund, taken);
}

/**
 * Sends a refund that was taken, or asks about it, outside any transaction, and applies what WeChat Pay says. A repeat is the
 * same to the byte under the same number, so an outcome that is not known never becomes a second refund (lesson 48). WeChat
 * Pay's refusals and silence end here: the refund stays, and its turn comes again.
 */
export async function attemptRefund(parts: RefundParts, refund: RefundRow, budget: RefundBudget): Promise<void> {
  const { wechatpay } = parts;
  const { id, status, attempts } = refund;
  try {
    const isSent = status !== 'created';
    const told = isSent ? await wechatpay.queryRefund(id, budget) : await wechatpay.refund(requestOf(refund), budget);
    const { kind } = await applyRefund(parts, told, parts.clock.now());
    // Nothing was booked, and people know: no reason to ask more often.
    if (kind === 'refused') await comeBack(parts, refund, kind, false);
  } catch (error) {
    if (error instanceof WechatpayRefused) return afterRefusal(parts, refund, error, budget);
    if (!isReason(error, 'WECHATPAY_UNAVAILABLE')) throw error;
    await comeBack(parts, refund, silenceOf(error), attempts >= SILENT_ATTEMPTS);
  }
}

/** Made of the row alone, so that a repeat is identical. */
function requestOf(refund: RefundRow): RefundRequest {
  const { id: outRefundNo, transactionId, reason, notifyUrl, amount, total } = refund;
  return { outRefundNo, transactionId, reason, notifyUrl, amount: fen(amount), total: fen(total) };
}

/** Refusals that time or our people mend: the same refund is asked for again, under the same number. */
const MENDABLE: ReadonlySet<string> = new Set([
  'NOT_ENOUGH',
  'FREQUENCY_LIMITED',
  'RATELIMIT_EXCEEDED',
  'SIGN_ERROR',
  'NO_AUTH',
  'MCH_NOT_EXISTS',
  'APPID_MCHID_NOT_MATCH',
]);

/**
 * What a refusal means. Only a signed one can end a refund, and only when a signed query then knows of no such refund: an
 * earlier attempt may have come through, whatever was said to this one.
 */
async function afterRefusal(
  parts: RefundParts,
  refund: RefundRow,
  refused: WechatpayRefused,
  budget: RefundBudget,
): Promise<void> {
  const { code, isVerified, httpStatus } = refused;
  parts.log.error({ refundId: refund.id, httpStatus, code }, 'WeChat Pay refused a refund');
  const isFinal = refund.status === 'created' && isVerified && !MENDABLE.has(code);
  if (!isFinal) return comeBack(parts, refund, code, true);
  const known = await findAtWechatpay(parts, refund.id, budget);
  if (known === 'unknown') return comeBack(parts, refund, code, true);
  if (known !== undefined) await applyRefund(parts, known, parts.clock.now());
  else await failRefund(parts, refund, code);
}

/** What WeChat Pay knows of a refund; undefined when it says, signed, that it knows none. */
async function findAtWechatpay(
  { wechatpay }: RefundParts,
  id: string,
  budget: RefundBudget,
): Promise<ToldRefund | 'unknown' | undefined> {
  try {
    return await wechatpay.queryRefund(id, budget);
  } catch (error) {
    if (error instanceof WechatpayRefused) {
      return error.isVerified && error.code === 'RESOURCE_NOT_EXISTS' ? undefined : 'unknown';
    }
    if (isReason(error, 'WECHATPAY_UNAVAILABLE')) return 'unknown';
    throw error;
  }
}

/** WeChat Pay refused for good: what was set aside comes back, and people are told. */
async function failRefund(parts: RefundParts, { id, userId }: RefundRow, code: string): Promise<void> {
  const now = parts.clock.now();
  const effects = await withTx(parts.db, { name: 'FailRefund' }, async (tx) => {
    await lockUser(tx, userId);
    const refund = await RefundRow.query(tx).findById(id).throwIfNotFound();
    const order = await OrderRow.query(tx).findById(refund.orderId).forUpdate().throwIfNotFound();
    const payment = await PaymentRow.query(tx).findById(refund.paymentId).throwIfNotFound();
    return moveRefund(tx, { order, payment, refund }, { event: 'refused', code }, now);
  });
  if (effects !== undefined) tellEffects(parts, effects);
}

/** Tries again later, under the same number; people are told where it does not come right by itself soon. */
async function comeBack(parts: RefundParts, taken: RefundRow, code: string, isTold: boolean): Promise<void> {
  const now = parts.clock.now();
  const effects = await withTx(parts.db, { name: 'PostponeRefund' }, async (tx) => {
    await lockUser(tx, taken.userId);
    const { id, attempts, nextAttemptTime } = taken;
    assert(nextAttemptTime !== null, `refund ${id} was taken`);
    // Whoever told of it meanwhile has said when to come back.
    const mine = RefundRow.query(tx).where({ id, status: taken.status, attempts, nextAttemptTime });
    const changed = await mine.patch({ nextAttemptTime: nextAttemptAfter(attempts, now) });
    return changed === 1 && isTold ? delayed(tx, taken, code, now) : NO_EFFECTS;
  });
  tellEffects(parts, effects);
}

async function delayed(tx: Tx, refund: RefundRow, code: string, now: Date): Promise<RefundEffects> {
  const { id, userId, orderId, amount, attempts } = refund;
  const details = { order_id: orderId, amount, attempts, wechatpay_code: code };
  const about = { subjectType: 'refund', subjectId: id, userId, details } as const;
  const alerts = await raiseAlert(tx, { kind: 'refund_delayed', severity: 'warning', ...about }, now);
  return { ...NO_EFFECTS, alerts };
}

/** WeChat Pay's code in an unknown outcome, where it gave one. */
function silenceOf(error: unknown): string {
  return error instanceof DomainError ? (error.metadata['wechatpay_code'] ?? 'no_answer') : 'no_answer';
}
