import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout as elapse } from 'node:timers/promises';
import type { Clock } from '../../platform/clock';
import type { FieldCipher } from '../../platform/crypto/field-cipher';
import type { Database } from '../../platform/db/database';
import type { EdgeResponse, EdgeRoute } from '../../platform/http/edge-server';
import type { Logger } from '../../platform/log';
import type { Metrics } from '../../platform/metrics';
import { storeNotification, type InboxEntry, type InboxItem } from './inbox';
import type { KeyRing } from './keys';
import { openResource, openTransaction, verifyNotification, type NotificationEnvelope } from './notification-verifier';
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
  /** The paid transition; the order domain provides it. Idempotent. */
  readonly apply: (item: InboxItem, now: Date) => Promise<ApplyResult>;
}

const DONE: EdgeResponse = { status: 204 };
const PAYMENT_EVENT = 'TRANSACTION.SUCCESS';

function failure(status: number, message: string): EdgeResponse {
  return { status, body: { code: 'FAIL', message } };
}

/** What is decided by. Two deliveries about the same money may differ in the rest: WeChat Pay words repeats anew. */
function decisiveFacts(transaction: WechatpayTransaction): string {
  const { mchid, appid, outTradeNo, tradeState, amountTotal, currency } = transaction;
  return JSON.stringify([mchid, appid, outTradeNo, tradeState, amountTotal, currency]);
}

function openEnvelope(envelope: NotificationEnvelope, headers: IncomingHttpHeaders, apiv3Key: string): InboxEntry {
  const { eventType, eventId } = envelope;
  const evidence = JSON.stringify({ headers, resource: openResource(envelope, apiv3Key) });
  if (eventType !== PAYMENT_EVENT) return { eventType, eventId, subjectId: eventId, transaction: undefined, evidence };
  const transaction = openTransaction(envelope, apiv3Key);
  return { eventType, eventId, subjectId: transaction.transactionId, transaction, evidence };
}

/**
 * Answers WeChat Pay's notifications. In this order, so that nothing unproved is looked at and nothing proved is lost:
 * verify the raw bytes (headers, age, key, signature) → decrypt → commit to the inbox → apply within a budget → answer.
 * When the budget is spent the answer is 204 all the same: the applier finishes from the inbox.
 */
export function createNotificationHandler(parts: NotificationRouteParts): EdgeRoute['handler'] {
  const { db, clock, log, metrics, cipher, keys, ageMaxSeconds } = parts;
  const count = (event: string, result: string): void => metrics.wechatpayNotifications.inc({ event, result });

  const receive = async (headers: IncomingHttpHeaders, rawBody: Buffer): Promise<EdgeResponse> => {
    const now = clock.now();
    const envelope = verifyNotification(headers, rawBody, { keys, now, ageMaxSeconds });
    const event = envelope.eventType === PAYMENT_EVENT ? PAYMENT_EVENT : 'other';
    const entry = openEnvelope(envelope, headers, parts.apiv3Key);
    let stored;
    try {
      stored = await storeNotification(db, entry, cipher, now);
    } catch (error) {
      log.error({ err: error, notificationId: entry.eventId }, 'a notification could not be stored');
      count(event, 'not_stored');
      return failure(503, 'could not be stored, send it again');
    }
    const { item, isRepeat } = stored;
    const facts = { notificationId: entry.eventId, subjectId: entry.subjectId, isRepeat };
    if (item.transaction === undefined || entry.transaction === undefined) {
      log.info(facts, 'a notification of another kind was stored');
      count(event, isRepeat ? 'duplicate' : 'stored');
      return DONE;
    }
    if (decisiveFacts(item.transaction) !== decisiveFacts(entry.transaction)) {
      log.error({ ...facts, orderId: item.transaction.outTradeNo }, 'a repeated notification tells something else');
      count(event, 'content_changed');
      return failure(409, 'differs from what was notified before');
    }
    if (item.status === 'applied') {
      count(event, 'duplicate');
      return DONE;
    }
    return applyWithinBudget(item, event, now);
  };

  const applyWithinBudget = async (item: InboxItem, event: string, now: Date): Promise<EdgeResponse> => {
    const budget = new AbortController();
    const spent = elapse(parts.applyTimeoutMs, undefined, { signal: budget.signal }).catch(() => undefined);
    const attempt = parts.apply(item, now).catch((error: unknown) => {
      log.error({ err: error, inboxId: item.id }, 'a stored notification was not applied; the applier tries again');
      return undefined;
    });
    const result = await Promise.race([attempt, spent]);
    budget.abort();
    if (result === undefined) {
      count(event, 'stored');
      return DONE;
    }
    if (result.kind === 'refused') {
      count(event, result.reason);
      return failure(409, result.reason);
    }
    count(event, result.kind === 'applied' ? 'applied' : 'duplicate');
    return DONE;
  };

  return async ({ headers, rawBody }) => {
    try {
      return await receive(headers, rawBody);
    } catch (error) {
      if (!(error instanceof NotificationRefused)) throw error;
      const level = error.httpStatus === 500 ? 'error' : 'warn';
      log[level]({ reason: error.reason }, 'a notification was refused');
      count('unverified', error.reason);
      return failure(error.httpStatus, error.reason);
    }
  };
}
