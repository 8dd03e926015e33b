import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout as elapse } from 'node:timers/promises';
import type { Clock } from '../../../platform/clock';
import type { FieldCipher } from '../../../platform/crypto/field-cipher';
import type { Database } from '../../../platform/db/database';
import type { EdgeResponse, EdgeRoute } from '../../../platform/http/edge-server';
import type { Logger } from '../../../platform/log';
import type { Metrics } from '../../../platform/metrics';
import type { ApplyNotification } from './apply-notification';
import { tellsWhatIsRecorded, tellTheSame } from './facts';
import { storeNotification, type InboxEntry, type InboxItem, type PaymentItem, type RefundItem } from './inbox';
import type { WechatpayKeys } from '../keys';
import { createNotificationAlerts, type NotificationAlerts } from './notification-alerts';
import { openNotification, verifyNotification } from './notification-verifier';
import { isApplied, orderIdOf, subjectIdOf } from './told';
import { NotificationRefused } from '../wechatpay.errors';

/** What the route is built from. */
export interface NotificationRouteParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly cipher: FieldCipher;
  readonly keys: WechatpayKeys;
  readonly apiv3Key: string;
  readonly ageMaxSeconds: number;
  readonly applyTimeoutMs: number;
  /** Us, as every applied payment names the payee. */
  readonly merchant: { readonly mchid: string; readonly appid: string };
  readonly apply: ApplyNotification;
}

/** The same with what the handler makes of it. */
type Parts = NotificationRouteParts & { readonly alerts: NotificationAlerts };

const DONE: EdgeResponse = { status: 204 };

function failure(status: number, message: string): EdgeResponse {
  return { status, body: { code: 'FAIL', message } };
}

/**
 * Answers WeChat Pay's notifications. In this order, so that nothing unproved is looked at and nothing proved is lost:
 * verify the raw bytes (headers, age, key, signature) → decrypt → commit to the inbox → apply within a budget → answer.
 * When the budget is spent the answer is 204 all the same: the applier finishes from the inbox.
 */
export function createNotificationHandler(route: NotificationRouteParts): EdgeRoute['handler'] {
  const parts: Parts = { ...route, alerts: createNotificationAlerts(route.db, route.log) };
  const { clock, log, metrics, keys, ageMaxSeconds, apiv3Key, alerts } = parts;
  const count = (event: string, result: string): void => metrics.wechatpayNotifications.inc({ event, result });

  const receive = async (headers: IncomingHttpHeaders, rawBody: Buffer): Promise<EdgeResponse> => {
    const now = clock.now();
    const envelope = await verifyNotification(headers, rawBody, { keys, now, ageMaxSeconds });
    const { eventType, eventId } = envelope;
    const { told, resource } = openNotification(envelope, apiv3Key);
    const entry = { eventType, eventId, told, evidence: { headers, resource } };
    const outcome = await settle(parts, entry, now);
    await alerts.opened(now);
    count(isApplied(eventType) ? eventType : 'other', outcome.result);
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
      if (reason === 'decrypt_failed') await alerts.undecryptable(signed, clock.now());
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

/** Stores a believed notification and, when it tells of a payment or a refund, applies it. */
async function settle(parts: Parts, entry: InboxEntry, now: Date): Promise<Outcome> {
  const { log } = parts;
  const { told, eventId } = entry;
  const stored = await store(parts, entry, now);
  if (stored === undefined) return { result: 'not_stored', answer: failure(503, 'could not be stored, send it again') };
  const { item, isRepeat, isFirstDifference, isRecorded } = stored;
  const subjectId = subjectIdOf(told, eventId);
  const facts = { notificationId: eventId, subjectId, inboxId: item.id, isRepeat };
  if (told.kind === 'ignored') {
    log.info(facts, 'a notification of another kind was stored');
    return { result: isRepeat ? 'duplicate' : 'stored', answer: DONE };
  }
  // A version that applied no refunds stored nothing of them: what it stored is not something else.
  if (isFirstDifference && item.kind !== 'ignored') {
    log.error({ ...facts, orderId: orderIdOf(told) }, 'a repeated notification tells something else');
  }
  const judged = { ...stateOf(item), ...told };
  if (item.status === 'applied')
    return isRecorded ? { result: 'duplicate', answer: DONE } : refuseChange(parts, judged, now);
  // What waits to be judged stands until it is; what was refused, or ignored, gives way to what is told now.
  if (item.status === 'received' && !tellTheSame(item, told)) return refuseChange(parts, judged, now);
  return applyWithinBudget(parts, judged, now);
}

function stateOf({ id, eventType, status, reason }: InboxItem) {
  return { id, eventType, status, reason };
}

/** Stores it durably, and looks whether what was applied already is what is told; undefined when that was not possible. */
async function store({ db, log, cipher, merchant }: Parts, entry: InboxEntry, now: Date) {
  try {
    const stored = await storeNotification(db, entry, cipher, now);
    const isRecorded = stored.item.status === 'applied' && (await tellsWhatIsRecorded(db, entry.told, merchant));
    return { ...stored, isRecorded };
  } catch (error) {
    log.error({ err: error, notificationId: entry.eventId }, 'a notification could not be stored');
    return undefined;
  }
}

async function refuseChange({ alerts }: Parts, item: PaymentItem | RefundItem, now: Date): Promise<Outcome> {
  await alerts.contentChanged(item, now);
  return CONTENT_CHANGED;
}

async function applyWithinBudget(parts: Parts, item: PaymentItem | RefundItem, now: Date): Promise<Outcome> {
  const budget = new AbortController();
  const spent = elapse(parts.applyTimeoutMs, undefined, { signal: budget.signal }).catch(() => undefined);
  const attempt = applyNow(parts, item, now).catch((error: unknown) => {
    parts.log.error({ err: error, inboxId: item.id }, 'a stored notification was not applied');
    return undefined;
  });
  const outcome = await Promise.race([attempt, spent]);
  budget.abort();
  if (outcome !== undefined) return outcome;
  // The applier finishes what was never judged. The rest it leaves alone, so WeChat Pay must send it again.
  if (item.status === 'received') return { result: 'stored', answer: DONE };
  return { result: 'not_applied', answer: failure(503, 'could not be applied, send it again') };
}

/** One attempt; undefined when it came too early. */
async function applyNow(parts: Parts, item: PaymentItem | RefundItem, now: Date): Promise<Outcome | undefined> {
  const { db, apply, merchant } = parts;
  const result = await apply(item, now);
  if (result.kind === 'not_yet') return undefined;
  if (result.kind === 'refused') return { result: result.reason, answer: failure(409, result.reason) };
  if (result.kind === 'applied') return { result: 'applied', answer: DONE };
  // Somebody else was first, perhaps with a delivery that told something else.
  const isSame = await tellsWhatIsRecorded(db, item, merchant);
  return isSame ? { result: 'duplicate', answer: DONE } : refuseChange(parts, item, now);
}
