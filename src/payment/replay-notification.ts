import type { Caller } from '../platform/calls';
import type { FieldCipher } from '../platform/crypto/field-cipher';
import { logOpenedAlerts, raiseAlert } from '../alert';
import { runCommand, type CommandEffect, type CommandResult } from '../platform/db/command';
import type { Database } from '../platform/db/database';
import { withTx } from '../platform/db/tx';
import type { Logger } from '../platform/log';
import { lockNotificationRow, readNotification } from './notification.queries';
import type { ApplyNotification } from './wechatpay/inbox/apply-notification';
import { lockNotification, readLatestEvidence, settleNotification } from './wechatpay/inbox/inbox';
import type { NotificationRow } from './wechatpay/inbox/inbox.model';
import { readTold } from './wechatpay/inbox/notification-verifier';
import type { Told } from './wechatpay/inbox/told';
import { NotificationRefused } from './wechatpay/wechatpay.errors';

/** Judge a stored notification again. */
export interface ReplayCommand {
  readonly requestId: string;
  readonly notificationId: string;
  readonly caller: Caller;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/** What a replay is judged with. */
export interface ReplayParts {
  readonly db: Database;
  readonly log: Logger;
  /** Opens the evidence. */
  readonly cipher: FieldCipher;
  readonly apply: ApplyNotification;
}

type Answer = CommandResult<{ readonly notificationId: string }>;

/**
 * Notes who wants it, then judges the notification by the latest evidence of it, exactly as a delivery would be. What was
 * applied is not applied again. A repeat of the same command judges anew what is still not applied: the first one may have
 * ended between the two. Throws, in this order, NOTIFICATION_NOT_FOUND, REQUEST_ID_REUSED.
 */
export async function replayNotification(parts: ReplayParts, command: ReplayCommand): Promise<Answer> {
  const { requestId, notificationId, caller, now, signal } = command;
  const owner = `caller:${caller.identity}`;
  const key = { service: 'PaymentService', owner, requestId, kind: 'ReplayNotification' };
  const answer = await runCommand(
    parts.db,
    { ...key, content: { notification_id: notificationId }, now, signal },
    {
      lock: (tx) => lockNotificationRow(tx, notificationId),
      run: (_tx, row) => Promise.resolve(noteReplay(row, command)),
    },
  );
  await judgeAgain(parts, await readNotification(parts.db, notificationId), now);
  return answer;
}

/** The audit row is all that the command itself writes; what the judging changes is audited where it is changed. */
function noteReplay({ id, status, reason }: NotificationRow, { requestId, caller }: ReplayCommand) {
  const subject = { subjectType: 'notification', subjectId: id, userId: null } as const;
  const entry = { action: 'ReplayNotification', actor: caller.identity, cause: requestId } as const;
  const effect: CommandEffect<{ readonly notificationId: string }> = {
    response: { notificationId: id },
    audit: [{ ...entry, ...subject, after: { replayed_from: status, reason } }],
    events: [],
  };
  return effect;
}

async function judgeAgain(parts: ReplayParts, row: NotificationRow, now: Date): Promise<void> {
  const { db, cipher, apply } = parts;
  if (row.status === 'applied') return;
  const { id, eventType, status, reason } = row;
  const told = toldAgain(row, await readLatestEvidence(db, cipher, id));
  if (told === undefined) return refuseMalformed(parts, id, now);
  if (told.kind !== 'ignored') await apply({ id, eventType, status, reason, ...told }, now);
}

/** What the evidence tells; undefined when it is not what its event promises: refunds were once stored without a look. */
function toldAgain({ eventType, notificationId }: NotificationRow, resource: Buffer): Told | undefined {
  try {
    return readTold(eventType, resource, notificationId);
  } catch (error) {
    if (!(error instanceof NotificationRefused)) throw error;
    return undefined;
  }
}

async function refuseMalformed({ db, log }: ReplayParts, id: string, now: Date): Promise<void> {
  const reason = 'malformed';
  const about = { kind: 'refund_unmatched', severity: 'warning', subjectType: 'notification', subjectId: id } as const;
  const opened = await withTx(db, { name: 'RefuseNotification' }, async (tx) => {
    const { status } = await lockNotification(tx, id);
    if (status === 'applied') return [];
    await settleNotification(tx, id, { status: 'refused', reason }, now);
    return raiseAlert(tx, { ...about, userId: null, details: { reason } }, now);
  });
  logOpenedAlerts(log, opened);
}
