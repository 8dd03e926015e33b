import type { FieldCipher } from '../../../platform/crypto/field-cipher';
import { placeIn } from '../../../platform/crypto/sealed-column';
import { BODY_COLUMN, type Evidence } from './inbox';
import { parseToldContent, type Told } from './told';

/**
 * The inbox beside its sealed evidence, for whoever has the data keys: what lies in clear can be rewritten by whoever may write
 * the table, what is sealed can not be made anew without a key. Pure.
 */

/** A row of the inbox with one of its bodies. */
export interface SealedNotification {
  readonly eventType: string;
  readonly subjectId: string;
  readonly content: string;
  readonly bodyId: string;
  readonly sealedBody: Buffer;
}

/**
 * `told`: it tells what the row says. `other`: it opens, and tells something else, as a repeat of the row may. `closed`: no key of the ring
 * opens it.
 */
type EvidenceJudgement = 'told' | 'other' | 'closed';

/**
 * Opens a body and compares what is decided by. Of a row that keeps nothing of what was told there is nothing to compare: events that nothing
 * applies, and refunds that earlier versions stored.
 */
export function judgeEvidence(cipher: FieldCipher, row: SealedNotification): EvidenceJudgement {
  const resource = openResource(cipher, row);
  if (resource === undefined) return 'closed';
  try {
    const told = parseToldContent(row.content);
    if (told.kind === 'ignored') return 'told';
    const [event, subjectId, facts] = factsOf(told);
    if (event !== row.eventType || subjectId !== row.subjectId) return 'other';
    return JSON.stringify(facts) === JSON.stringify(sealedFacts(told.kind, resource)) ? 'told' : 'other';
  } catch {
    // One of the two is not what the service writes.
    return 'other';
  }
}

function openResource(cipher: FieldCipher, { bodyId, sealedBody }: SealedNotification): string | undefined {
  try {
    return (JSON.parse(cipher.decrypt(sealedBody, placeIn(BODY_COLUMN, bodyId))) as Evidence).resource;
  } catch {
    return undefined;
  }
}

/** The event, what names the subject, and what is decided by, as the row in clear has it. */
function factsOf(told: Exclude<Told, { kind: 'ignored' }>): readonly [string, string, readonly unknown[]] {
  if (told.kind === 'payment') {
    const { appid, mchid, outTradeNo, transactionId, tradeState, amountTotal, currency, successTime } =
      told.transaction;
    const named = [appid, mchid, outTradeNo, transactionId, tradeState];
    return ['TRANSACTION.SUCCESS', transactionId, [...named, amountTotal, currency, successTime.getTime()]];
  }
  const { mchid, outTradeNo, transactionId, outRefundNo, refundId, status, amount, total, successTime } = told.refund;
  const named = [mchid, outTradeNo, transactionId, outRefundNo, refundId, status];
  return [`REFUND.${status}`, refundId, [...named, amount, total, successTime?.getTime() ?? null]];
}

/** The form of what is looked at; whatever else it is makes it another. */
interface SealedResource {
  readonly [name: string]: unknown;
  readonly amount: { readonly total: number; readonly refund?: number; readonly currency?: string };
  readonly success_time?: string | null;
}

/** The same, as WeChat Pay worded it. All of it is kept when a person is erased. */
function sealedFacts(kind: 'payment' | 'refund', resource: string): readonly unknown[] {
  const told = JSON.parse(resource) as SealedResource;
  const { amount, success_time: time } = told;
  const successTime = time === undefined || time === null ? null : Date.parse(time);
  const pick = (...names: readonly string[]): readonly unknown[] => names.map((name) => told[name]);
  if (kind === 'payment') {
    const named = pick('appid', 'mchid', 'out_trade_no', 'transaction_id', 'trade_state');
    return [...named, amount.total, amount.currency, successTime];
  }
  const named = pick('mchid', 'out_trade_no', 'transaction_id', 'out_refund_no', 'refund_id', 'refund_status');
  return [...named, amount.refund, amount.total, successTime];
}
