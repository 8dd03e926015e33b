import { createHash } from 'node:crypto';
import { DomainError } from '../../../src/platform/errors';
import { replayNotification } from '../../../src/payment/replay-notification';
import { createLogger } from '../../../src/platform/log';
import { newId } from '../../support/harness';
import { openNotificationDesk, type NotificationDesk } from '../../support/notification-desk';
import {
  envelope,
  newTransactionId,
  paidNotification,
  refundOf,
  signedNotification,
} from '../../support/wechat-notifier';

/**
 * R4, R12: an operator has a stored notification judged again, by signed evidence alone, at most once with effect, and leaves
 * a trace. What applying means is scripted here.
 */
describe('ReplayNotification', () => {
  let desk: NotificationDesk;
  beforeAll(async () => {
    desk = await openNotificationDesk();
  });
  beforeEach(() => {
    desk.answerWith({ refused: 'amount_mismatch' });
    desk.tried.length = 0;
  });
  afterAll(() => desk.close());

  const ACTOR = 'spiffe://billing/operations/alice';
  const log = createLogger({ level: 'silent', role: 'rpc' });
  const replay = (notificationId: string, requestId: string, identity = ACTOR) => {
    const caller = { role: 'operations', name: identity.split('/').at(-1) ?? '', identity } as const;
    const signal = new AbortController().signal;
    const { db, cipher, apply } = desk;
    const command = { requestId, notificationId, caller, signal, now: desk.clock.now() };
    return replayNotification({ db, log, cipher, apply }, command);
  };
  const refusalOf = (attempt: Promise<unknown>) =>
    attempt.then(
      () => null,
      (error: unknown) => (error instanceof DomainError ? error.reason : error),
    );
  const rowOf = async (subjectId: string) => {
    const sql = 'SELECT id, status, reason FROM wechatpay_notifications WHERE subject_id = ?';
    const [row] = (await desk.rows.query(sql, [subjectId])) as { id: string; status: string; reason: string }[];
    if (row === undefined) throw new Error('it was not stored');
    return row;
  };
  const auditsOf = (id: string) =>
    desk.rows.query(
      "SELECT action, actor, cause, after_state FROM audit_logs WHERE subject_type = 'notification' AND subject_id = ?",
      [id],
    );

  /** A payment that was refused, told with these amounts one after another. */
  async function refusedPayment(...amounts: readonly number[]): Promise<{ transactionId: string; id: string }> {
    const transactionId = newTransactionId();
    for (const amount of amounts) {
      expect(await desk.deliver(paidNotification(desk, { orderId: 'O-123456', transactionId, amount }))).toBe(409);
    }
    desk.tried.length = 0;
    return { transactionId, id: (await rowOf(transactionId)).id };
  }

  test('judges a refused payment by its latest evidence, applies it once, and names who wanted it', async () => {
    const { transactionId, id } = await refusedPayment(1, 2, 3);
    desk.answerWith('applied');
    expect(await replay(id, 'r-1')).toEqual({ response: { notificationId: id }, replayed: false });
    expect(desk.tried).toMatchObject([
      { id, kind: 'payment', status: 'refused', transaction: { transactionId, amountTotal: 3 } },
    ]);
    expect(await rowOf(transactionId)).toMatchObject({ status: 'applied', reason: '' });
    const after = { replayed_from: 'refused', reason: 'amount_mismatch' };
    const audit = { action: 'ReplayNotification', actor: ACTOR, cause: 'r-1', after_state: JSON.stringify(after) };
    expect(await auditsOf(id)).toEqual([audit]);
  });

  test('with the same id again is the first replay: nothing is applied twice, and there is one audit row', async () => {
    const { id } = await refusedPayment(1);
    desk.answerWith('applied');
    await replay(id, 'again');
    expect(await replay(id, 'again')).toEqual({ response: { notificationId: id }, replayed: true });
    expect(desk.tried).toHaveLength(1);
    expect(await auditsOf(id)).toHaveLength(1);
  });

  test('repeated after an attempt that failed judges what was not judged', async () => {
    const { transactionId, id } = await refusedPayment(1);
    desk.answerWith('throws');
    await expect(replay(id, 'cut')).rejects.toThrow('the database was busy');
    desk.answerWith('applied');
    expect(await replay(id, 'cut')).toMatchObject({ replayed: true });
    expect(await rowOf(transactionId)).toMatchObject({ status: 'applied' });
    expect(await auditsOf(id)).toHaveLength(1);
  });

  test('of one that is still refused leaves it refused', async () => {
    const { transactionId, id } = await refusedPayment(1);
    desk.answerWith({ refused: 'unknown_order' });
    await replay(id, 'still');
    expect(await rowOf(transactionId)).toMatchObject({ status: 'refused', reason: 'unknown_order' });
  });

  test('of one that was applied changes nothing, and says so by its trace', async () => {
    const transactionId = newTransactionId();
    desk.answerWith('applied');
    expect(await desk.deliver(paidNotification(desk, { orderId: 'O-123456', transactionId }))).toBe(204);
    const { id } = await rowOf(transactionId);
    desk.tried.length = 0;
    await replay(id, 'applied');
    expect(desk.tried).toEqual([]);
    expect(await auditsOf(id)).toHaveLength(1);
  });

  test('of what waits for its turn judges it now', async () => {
    const transactionId = newTransactionId();
    desk.answerWith('not_yet');
    expect(await desk.deliver(paidNotification(desk, { orderId: 'O-123456', transactionId }))).toBe(204);
    desk.answerWith('applied');
    await replay((await rowOf(transactionId)).id, 'waits');
    expect(await rowOf(transactionId)).toMatchObject({ status: 'applied' });
    desk.clock.advanceMs(3_600_000);
    expect(await desk.applyDue()).toBe(0);
  });

  test('of an event that nothing applies leaves it ignored', async () => {
    const event = { ...envelope(desk, { any: 'thing' }, 'COUPON.USE'), id: newId('EV').slice(0, 36) };
    expect(await desk.deliver(signedNotification(desk, event))).toBe(204);
    await replay((await rowOf(event.id)).id, 'ignored');
    expect(desk.tried).toEqual([]);
    expect(await rowOf(event.id)).toMatchObject({ status: 'ignored' });
  });

  /** A refund as version 0.3.0 left it: without content, ignored; its evidence sealed all the same. */
  async function refundOfBefore(resource: Record<string, unknown>): Promise<string> {
    const id = newId('N').slice(0, 26);
    await desk.rows.query(
      `INSERT INTO wechatpay_notifications (id, event_type, subject_id, notification_id, content, status, create_time)
       VALUES (?, 'REFUND.SUCCESS', ?, 'EV-1', '{}', 'ignored', '2026-01-01')`,
      [id, resource['refund_id']],
    );
    const place = { table: 'wechatpay_notification_bodies', column: 'sealed_body', primaryKey: id };
    const sealed = desk.cipher.encrypt(JSON.stringify({ headers: {}, resource: JSON.stringify(resource) }), place);
    const body = [id, id, createHash('sha256').digest(), sealed, '2026-01-01'];
    await desk.rows.query(
      'INSERT INTO wechatpay_notification_bodies (id, inbox_id, content_hash, sealed_body, create_time) VALUES (?)',
      [body],
    );
    return id;
  }

  test('of a refund that 0.3.0 only stored applies it', async () => {
    const refund = refundOf(desk, { orderId: 'O-123456', transactionId: newTransactionId() });
    const id = await refundOfBefore(refund);
    desk.answerWith('applied');
    await replay(id, 'old');
    expect(desk.tried).toMatchObject([
      { id, kind: 'refund', refund: { refundId: refund['refund_id'], status: 'SUCCESS' } },
    ]);
    expect(await rowOf(String(refund['refund_id']))).toMatchObject({ status: 'applied' });
  });

  test('of a refund that 0.3.0 stored without a look, and that is none, refuses it for people to see', async () => {
    const refund = { refund_id: newTransactionId(), refund_status: 'SUCCESS' };
    const id = await refundOfBefore(refund);
    await replay(id, 'malformed');
    expect(desk.tried).toEqual([]);
    expect(await rowOf(refund.refund_id)).toMatchObject({ status: 'refused', reason: 'malformed' });
    expect(await desk.rows.query('SELECT kind FROM alerts WHERE subject_id = ?', [id])).toEqual([
      { kind: 'refund_unmatched' },
    ]);
  });

  test('of what is not there is NOTIFICATION_NOT_FOUND; under an id of another replay REQUEST_ID_REUSED', async () => {
    const [first, second] = [await refusedPayment(1), await refusedPayment(1)];
    expect(await refusalOf(replay('no-such-notification', 'x'))).toBe('NOTIFICATION_NOT_FOUND');
    await replay(first.id, 'mine');
    desk.tried.length = 0;
    expect(await refusalOf(replay(second.id, 'mine'))).toBe('REQUEST_ID_REUSED');
    expect(await refusalOf(replay('no-such-notification', 'mine'))).toBe('NOTIFICATION_NOT_FOUND');
    expect(desk.tried).toEqual([]);
    expect(await auditsOf(second.id)).toEqual([]);
    // Ids belong to the caller.
    expect(await replay(second.id, 'mine', 'spiffe://billing/operations/bob')).toMatchObject({ replayed: false });
  });
});
