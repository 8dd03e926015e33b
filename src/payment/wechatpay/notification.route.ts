import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout as elapse } from 'node:timers/promises';
import type { Clock } from '../../platform/clock';
import type { FieldCipher } from '../../platform/crypto/field-cipher';
import type { Database } from '../../platform/db/database';
import type { EdgeResponse, EdgeRoute } from '../../platform/http/edge-server';
import type { Logger } from '../../platform/log';
import type { Metrics } from '../../platform/metrics';
import { tellsRecordedPayment, tellTheSame } from './facts';
import { storeNotification, type InboxEntry, type InboxItem, type StoredEntry } from './inbox';
import type { KeyRing } from './keys';
import {
  openRefundId,
  openResource,
  openTransaction,
  verifyNotification,
  type NotificationEnvelope,
} from './notification-verifier';
import type { WechatpayTransaction } from './transaction';
import { NotificationRefused } from './wechatpay.errors';

/** What became of a stored notification. */
export type ApplyResult =
  | { readonly kind: 'applied' | 'already_applied' }
  /** The verified content does not match our order, or there is no such order: recorded, never applied. */
  | { readonly kind: 'refused'; readonly reason: string };

/** What the route is built from. */
export interface NotificationRouteParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly cipher: FieldCipher;
  readonly keys: KeyRing;
  readonly apiv3Key: string;
  readonly ageMaxSeconds: number;
  readonly applyTimeoutMs: number;
  /** Us, as every applied payment names the payee. */
  readonly merchant: { readonly mchid: string; readonly appid: string };
  /** The paid transition; the order domain provides it. Idempotent. */
  readonly apply: (item: InboxItem, now: Date) => Promise<ApplyResult>;
}

const DONE: EdgeResponse = { status: 204 };
const PAYMENT_EVENT = 'TRANSACTION.SUCCESS';
const REFUND_EVENTS = 'REFUND.';

function failure(status: number, message: string): EdgeResponse {
  return { status, body: { code: 'FAIL', message } };
}

function openEnvelope(envelope: NotificationEnvelope, headers: IncomingHttpHeaders, apiv3Key: string): InboxEntry {
  const { eventType, eventId } = envelope;
  const evidence = JSON.stringify({ headers, resource: openResource(envelope, apiv3Key) });
  if (eventType !== PAYMENT_EVENT) {
    const subjectId = eventType.startsWith(REFUND_EVENTS) ? openRefundId(envelope, apiv3Key) : eventId;
    return { eventType, eventId, subjectId, transaction: undefined, evidence };
  }
  const transaction = openTransaction(envelope, apiv3Key);
  return { eventType, eventId, subjectId: transaction.transactionId, transaction, evidence };
}

/**
 * Answers WeChat Pay's notifications. In this order, so that nothing unproved is looked at and nothing proved is lost:
 * verify the raw bytes (headers, age, key, signature) → decrypt → commit to the inbox → apply within a budget → answer.
 * When the budget is spent the answer is 204 all the same: the applier finishes from the inbox.
 */
export function createNotificationHandler(parts: NotificationRouteParts): EdgeRoute['handler'] {
  const { clock, log, metrics, keys, ageMaxSeconds } = parts;
  const count = (event: string, result: string): void => metrics.wechatpayNotifications.inc({ event, result });

  const receive = async (headers: IncomingHttpHeaders, rawBody: Buffer): Promise<EdgeResponse> => {
    const now = clock.now();
    const envelope = verifyNotification(headers, rawBody, { keys, now, ageMaxSeconds });
    const event = envelope.eventType === PAYMENT_EVENT ? PAYMENT_EVENT : 'other';
    const outcome = await settle(parts, openEnvelope(envelope, headers, parts.apiv3Key), now);
    count(event, outcome.result);
    return outcome.answer;
  };

  return async ({ headers, rawBody }) => {
    try {
      return await receive(headers, rawBody);
    } catch (error) {
      if (!(error instanceof NotificationRefused)) throw error;
      const { reason, httpStatus, signed } = error;
      const level = httpStatus === 500 ? 'error' : 'warn';
      log[level]({ reason, notificationId: signed?.eventId, cause: signed?.fault }, 'a notification was refused');
      count('unverified', reason);
      return failure(httpStatus, reason);
    }
  };
}

/** What became of a believed notification: the word that the metric counts, and the answer. */
interface Outcome {
  readonly result: string;
  readonly answer: EdgeResponse;
}

const CONTENT_CHANGED: Outcome = {
  result: 'content_changed',
  answer: failure(409, 'differs from what was notified before'),
};

/** Stores a believed notification and, when it is a payment, applies it. */
async function settle(parts: NotificationRouteParts, entry: InboxEntry, now: Date): Promise<Outcome> {
  const { db, log, cipher, merchant } = parts;
  const told = entry.transaction;
  let stored: StoredEntry;
  let isRecorded = false;
  try {
    stored = await storeNotification(db, entry, cipher, now);
    if (told !== undefined && stored.item.status === 'applied') {
      isRecorded = await tellsRecordedPayment(db, told, merchant);
    }
  } catch (error) {
    log.error({ err: error, notificationId: entry.eventId }, 'a notification could not be stored');
    return { result: 'not_stored', answer: failure(503, 'could not be stored, send it again') };
  }
  const { item, isRepeat, isFirstDifference } = stored;
  const facts = { notificationId: entry.eventId, subjectId: entry.subjectId, inboxId: item.id, isRepeat };
  if (item.transaction === undefined || told === undefined) {
    log.info(facts, 'a notification of another kind was stored');
    return { result: isRepeat ? 'duplicate' : 'stored', answer: DONE };
  }
  if (isFirstDifference) {
    log.error({ ...facts, orderId: told.outTradeNo }, 'a repeated notification tells something else');
  }
  if (item.status === 'applied') return isRecorded ? { result: 'duplicate', answer: DONE } : CONTENT_CHANGED;
  if (tellTheSame(item.transaction, told)) return applyWithinBudget(parts, item, item.transaction, now);
  // What waits to be judged stands until it is; what was refused gives way to what is told now.
  return item.status === 'refused' ? applyWithinBudget(parts, item, told, now) : CONTENT_CHANGED;
}

async function applyWithinBudget(
  parts: NotificationRouteParts,
  item: InboxItem,
  transaction: WechatpayTransaction,
  now: Date,
): Promise<Outcome> {
  const budget = new AbortController();
  const spent = elapse(parts.applyTimeoutMs, undefined, { signal: budget.signal }).catch(() => undefined);
  const attempt = applyAs(parts, { ...item, transaction }, transaction, now).catch((error: unknown) => {
    parts.log.error({ err: error, inboxId: item.id }, 'a stored notification was not applied');
    return undefined;
  });
  const outcome = await Promise.race([attempt, spent]);
  budget.abort();
  if (outcome !== undefined) return outcome;
  // The applier finishes what was never judged. What was refused it leaves alone, so WeChat Pay must send it again.
  if (item.status !== 'refused') return { result: 'stored', answer: DONE };
  return { result: 'not_applied', answer: failure(503, 'could not be applied, send it again') };
}

async function applyAs(
  { db, apply, merchant }: NotificationRouteParts,
  item: InboxItem,
  transaction: WechatpayTransaction,
  now: Date,
): Promise<Outcome> {
  const result = await apply(item, now);
  if (result.kind === 'refused') return { result: result.reason, answer: failure(409, result.reason) };
  if (result.kind === 'applied') return { result: 'applied', answer: DONE };
  // Somebody else was first, perhaps with a delivery that told something else.
  return (await tellsRecordedPayment(db, transaction, merchant))
    ? { result: 'duplicate', answer: DONE }
    : CONTENT_CHANGED;
}
