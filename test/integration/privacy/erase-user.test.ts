import { ErasureState } from '../../../src/gen/billing/v1/privacy_service.pb';
import { OrderStatus, PaymentChannel } from '../../../src/gen/billing/v1/order_service.pb';
import { monotonicMs } from '../../../src/platform/clock';
import { createFieldCipher } from '../../../src/platform/crypto/field-cipher';
import { parseDataKeys } from '../../../src/platform/data-keys-setting';
import { verifyLedgerOf } from '../../../src/cli/verify-ledger';
import { mustSucceed } from '../../support/clients';
import { consume, newId, startHarness, until, type Harness } from '../../support/harness';
import { brokenInvariants } from '../../support/invariants';
import { moneyState } from '../../support/observe';
import { cancelOrderCall, createOrderCall, getOrderCall } from '../../support/order-calls';
import { agreeToErase, decideErasure, listErasures, proposeErasure, readErasure } from '../../support/privacy-calls';
import { refundOf, untilRefunds } from '../../support/refund-calls';
import { outcomeOf, registerWith } from '../../support/registrations';
import { errnoOf } from '../../support/schema-facts';
import { openEverything } from '../../support/sealed-rows';

const TRIGGER = 1644;
const DAY_MS = 86_400_000;
const OPENID = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o';
const ADDRESS = '198.51.100.237';
const JSAPI = { channel: PaymentChannel.JSAPI, openid: OPENID };

/** R11.2: what a person can be known by is erased when two people agree to it, and every chain and sum stays as it was. */
describe('an erasure', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness();
    await h.control('/_control/refunds', { outcome: 'SUCCESS' });
  });
  afterAll(() => h.stop());

  const untilState = (id: string, state: ErasureState) =>
    until('the erasure stands there', async () => (await readErasure(h, id)).state === state);

  /** Somebody with fingerprints, a paid and refunded order by openid, a paid one, and one that was cancelled. */
  async function somebody(identities: readonly string[]): Promise<{ userId: string; paid: string; cancelled: string }> {
    const userId = newId('u');
    expect(outcomeOf(await mustSucceed(registerWith(h, userId, identities)))).toBe('granted');
    const orderIds: string[] = [];
    for (const fields of [JSAPI, JSAPI, { channel: PaymentChannel.H5, clientIp: ADDRESS }]) {
      const { order } = await mustSucceed(createOrderCall(h, { userId, ...fields }));
      orderIds.push(order?.orderId ?? '');
    }
    const [refunded = '', paid = '', cancelled = ''] = orderIds;
    for (const orderId of [refunded, paid]) await h.control('/_control/pay', { order_id: orderId });
    await mustSucceed(cancelOrderCall(h, { userId, orderId: cancelled }));
    await refundOf(h, { userId, orderId: refunded });
    await untilRefunds(h, refunded, ['succeeded']);
    const isClosed = async (): Promise<boolean> =>
      (await mustSucceed(getOrderCall(h, userId, cancelled))).order?.status === OrderStatus.CLOSED;
    await until('the order is closed', isClosed);
    await mustSucceed(consume(h, { userId, requestId: 'c', amount: 5 }));
    return { userId, paid, cancelled };
  }

  const cipher = () => createFieldCipher(parseDataKeys(h.infra.dataKeys));
  const texts = async () => (await openEverything(h.db, cipher())).map(({ text }) => text);
  const identitiesOf = (userId: string) =>
    h.db.query('SELECT HEX(identity_index) AS i FROM user_identities WHERE user_id = ? ORDER BY 1', [userId]);

  describe('of a user who has paid, refunded and cancelled', () => {
    const phone = newId('phone');
    let user: Awaited<ReturnType<typeof somebody>>;
    let other: Awaited<ReturnType<typeof somebody>>;
    let erasureId: string;
    beforeAll(async () => {
      user = await somebody([phone, newId('device')]);
      other = await somebody([newId('phone')]);
    });

    test('is proposed by one and approved by another: neither alone, and nothing happens before (lesson 1)', async () => {
      const requestId = newId('erase');
      const { erasure } = await mustSucceed(proposeErasure(h, user.userId, requestId));
      erasureId = erasure?.erasureId ?? '';
      expect(erasure).toMatchObject({ userId: user.userId, state: ErasureState.PROPOSED, reason: 'request 114' });
      expect(await mustSucceed(proposeErasure(h, user.userId, requestId))).toMatchObject({ replayed: true });
      expect(await proposeErasure(h, user.userId, requestId, 'another')).toMatchObject({ reason: 'REQUEST_ID_REUSED' });
      expect(await proposeErasure(h, user.userId)).toMatchObject({
        ...{ ok: false, reason: 'ERASURE_UNDER_WAY', metadata: { erasure_id: erasureId, state: 'proposed' } },
      });
      expect(await proposeErasure(h, newId('nobody'))).toMatchObject({ ok: false, reason: 'USER_NOT_FOUND' });
      const before = await texts();
      expect(await decideErasure(h, 'approveErasure', erasureId, { identity: 'operations' })).toMatchObject({
        ...{ ok: false, reason: 'SECOND_PERSON_REQUIRED', metadata: { erasure_id: erasureId } },
      });
      expect(await decideErasure(h, 'approveErasure', 'no-such')).toMatchObject({ reason: 'ERASURE_NOT_FOUND' });
      expect(
        await errnoOf(
          h.db,
          `UPDATE user_erasures SET state = 'approved', decided_by = requested_by, decide_time = create_time WHERE id = '${erasureId}'`,
        ),
      ).toBe(TRIGGER);
      expect(await texts()).toEqual(before);
      expect((await readErasure(h, erasureId)).state).toBe(ErasureState.PROPOSED);
    });

    test('takes away who paid, what WeChat Pay told of the payer, and the fingerprints; nobody else loses anything', async () => {
      const identitiesBefore = [await identitiesOf(user.userId), await identitiesOf(other.userId)] as const;
      const othersBefore = (await texts()).filter((text) => text.includes(other.paid)).sort();
      await mustSucceed(decideErasure(h, 'approveErasure', erasureId));
      await untilState(erasureId, ErasureState.DONE);
      // Payers of three orders; told were two payments and a refund.
      expect(await readErasure(h, erasureId)).toMatchObject({ payers: 3, notifications: 3, identities: 2 });
      const opened = await openEverything(h.db, cipher());
      const orders = await h.db.query('SELECT id FROM orders WHERE user_id = ?', [user.userId]);
      for (const { id } of orders as { id: string }[]) {
        expect(opened.find(({ place }) => place === `order_payers ${id}`)?.text).toBe('');
        const told = opened.filter(({ place, text }) => place.startsWith('wechatpay') && text.includes(id));
        for (const { text } of told) {
          expect(text).not.toMatch(new RegExp(`${OPENID}|payer"|user_received_account|招商`));
          expect(text).toContain('wechatpay-signature');
          expect(JSON.parse(text)).toMatchObject({ erased: expect.any(String) as unknown });
        }
      }
      const identitiesAfter = [await identitiesOf(user.userId), await identitiesOf(other.userId)] as const;
      expect(identitiesAfter[0]).toHaveLength(2);
      expect(identitiesAfter[0]).not.toEqual(identitiesBefore[0]);
      expect(identitiesAfter[1]).toEqual(identitiesBefore[1]);
      expect((await texts()).filter((text) => text.includes(other.paid)).sort()).toEqual(othersBefore);
      expect(othersBefore.join()).toContain(OPENID);
    });

    test('leaves every chain, sum and invariant as it was', async () => {
      expect(await brokenInvariants(h.db)).toEqual([]);
      const report = await verifyLedgerOf(h.db.url, undefined, monotonicMs);
      expect(report.fault).toBeUndefined();
      expect(report.users).toBeGreaterThan(1);
    });

    test('leaves the fingerprint of a grant used up, and nobody to ask whose it was', async () => {
      const granted = await h.db.query('SELECT 1 FROM granted_identities WHERE user_id = ?', [user.userId]);
      expect(granted).toEqual([]);
      const again = newId('u');
      expect(outcomeOf(await mustSucceed(registerWith(h, again, [phone])))).toBe('identity known');
      expect(await brokenInvariants(h.db)).toEqual([]);
    });

    test('has a repeat of what named the person refused: its content can not be tried against phone numbers', async () => {
      const before = await moneyState(h);
      expect(await registerWith(h, user.userId, [phone])).toMatchObject({ ok: false, reason: 'REQUEST_ID_REUSED' });
      expect(await moneyState(h)).toEqual(before);
    });

    test('is told of by the audit log, from proposal to end, and names no person', async () => {
      const rows = await h.db.query(
        "SELECT action, actor, after_state FROM audit_logs WHERE subject_type = 'erasure' AND subject_id = ? ORDER BY id",
        [erasureId],
      );
      expect(rows.map((row) => row['action'])).toEqual(['EraseUser', 'ApproveErasure', 'EndErasure']);
      expect(rows[1]?.['actor']).toBe('spiffe://billing/operations/operations-2');
      expect(JSON.parse(String(rows[2]?.['after_state']))).toEqual({
        state: 'done',
        payers: 3,
        notifications: 3,
        identities: 2,
      });
    });

    test('can not be decided again; the user may be erased again, which finds nothing', async () => {
      for (const decision of ['approveErasure', 'rejectErasure'] as const) {
        expect(await decideErasure(h, decision, erasureId)).toMatchObject({
          ok: false,
          reason: 'ERASURE_NOT_PROPOSED',
        });
      }
      const second = await agreeToErase(h, user.userId);
      await untilState(second, ErasureState.DONE);
      expect(await readErasure(h, second)).toMatchObject({ payers: 0, notifications: 0 });
    });

    test('takes what WeChat Pay tells afterwards, too, a day later', async () => {
      await h.control('/_control/refund', { order_id: user.paid, amount: 100, outcome: 'SUCCESS' });
      await untilRefunds(h, user.paid, ['succeeded']);
      const isNamed = async () =>
        (await texts()).some((text) => text.includes(user.paid) && text.includes('user_received_account'));
      expect(await isNamed()).toBe(true);
      h.clock.advanceMs(DAY_MS);
      await until('it is erased', async () => !(await isNamed()));
      await untilState(erasureId, ErasureState.DONE);
      // Whichever of the two erasures of the user came first.
      const { erasures } = await listErasures(h, { userId: user.userId });
      expect(erasures.reduce((sum, { notifications }) => sum + notifications, 0)).toBe(4);
      expect(await brokenInvariants(h.db)).toEqual([]);
    });
  });

  test('waits while an order of the user waits for payment, because its prepay must name the payer', async () => {
    const userId = newId('u');
    await mustSucceed(registerWith(h, userId, []));
    const { order } = await mustSucceed(createOrderCall(h, { userId, ...JSAPI }));
    const orderId = order?.orderId ?? '';
    const erasureId = await agreeToErase(h, userId);
    const nextRun = async () => {
      const [row] = await h.db.query('SELECT next_run_time AS t FROM user_erasures WHERE id = ?', [erasureId]);
      return (row?.['t'] as Date).getTime();
    };
    await until('it is put off', async () => (await nextRun()) > h.clock.now().getTime());
    expect((await readErasure(h, erasureId)).state).toBe(ErasureState.APPROVED);
    const payers = () => h.db.query('SELECT sealed_payer FROM order_payers WHERE order_id = ?', [orderId]);
    const before = await payers();
    await h.control('/_control/pay', { order_id: orderId });
    expect(await payers()).toEqual(before);
    h.clock.advanceMs(600_000);
    await untilState(erasureId, ErasureState.DONE);
    expect(await readErasure(h, erasureId)).toMatchObject({ payers: 1, notifications: 1 });
  });

  test('that was rejected changes nothing, and may be proposed anew; whoever proposed it may end it, too', async () => {
    const userId = newId('u');
    await mustSucceed(registerWith(h, userId, [newId('phone')]));
    const identities = await identitiesOf(userId);
    const { erasure } = await mustSucceed(proposeErasure(h, userId));
    const erasureId = erasure?.erasureId ?? '';
    const rejected = await mustSucceed(decideErasure(h, 'rejectErasure', erasureId, { identity: 'operations' }));
    expect(rejected.erasure).toMatchObject({ state: ErasureState.REJECTED });
    expect(await decideErasure(h, 'approveErasure', erasureId)).toMatchObject({
      ...{ reason: 'ERASURE_NOT_PROPOSED', metadata: { erasure_id: erasureId, state: 'rejected' } },
    });
    expect(await identitiesOf(userId)).toEqual(identities);
    await mustSucceed(proposeErasure(h, userId));
    const page = await listErasures(h, { userId });
    expect(page.erasures.map(({ state }) => state)).toEqual([ErasureState.PROPOSED, ErasureState.REJECTED]);
    const proposed = await listErasures(h, { userId, state: ErasureState.PROPOSED });
    expect(proposed.erasures).toHaveLength(1);
  });

  test('that was cut off in the middle goes on, and counts nothing twice (lesson 16)', async () => {
    const { userId } = await somebody([newId('phone')]);
    const erasureId = await agreeToErase(h, userId);
    await untilState(erasureId, ErasureState.DONE);
    const { userId: next } = await somebody([newId('phone')]);
    // As a process leaves it that died after its first batch: running, due, and its counts without the rest.
    const { erasure } = await mustSucceed(proposeErasure(h, next));
    const cut = erasure?.erasureId ?? '';
    const root = await h.db.connect('root');
    await root.query(
      "UPDATE user_erasures SET state = 'approved', decided_by = 'spiffe://billing/operations/operations-2', decide_time = create_time WHERE id = ?",
      [cut],
    );
    await root.query("UPDATE user_erasures SET state = 'running', start_time = create_time WHERE id = ?", [cut]);
    const [first] = (await h.db.query(
      'SELECT p.order_id AS id FROM order_payers p JOIN orders o ON o.id = p.order_id WHERE o.user_id = ? LIMIT 1',
      [next],
    )) as { id: string }[];
    const place = { table: 'order_payers', column: 'sealed_payer', primaryKey: first?.id ?? '' };
    await root.query('UPDATE order_payers SET sealed_payer = ? WHERE order_id = ?', [
      cipher().encrypt('', place),
      first?.id,
    ]);
    await root.query('UPDATE user_erasures SET payers = 1, next_run_time = create_time WHERE id = ?', [cut]);
    await root.end();
    await untilState(cut, ErasureState.DONE);
    expect(await readErasure(h, cut)).toMatchObject({ payers: 3, notifications: 3, identities: 1 });
  });

  test('is what the database asks for before it lets go of anything', async () => {
    const { userId } = await somebody([newId('phone')]);
    const refused: readonly string[] = [
      `UPDATE order_payers p JOIN orders o ON o.id = p.order_id SET p.sealed_payer = 'x' WHERE o.user_id = '${userId}'`,
      `UPDATE user_identities SET identity_index = REPEAT('x', 32) WHERE user_id = '${userId}'`,
      `UPDATE granted_identities SET user_id = '' WHERE user_id = '${userId}'`,
      `UPDATE request_keys SET content_hash = REPEAT('x', 32) WHERE owner = 'user:${userId}'`,
      `UPDATE wechatpay_notification_bodies b JOIN wechatpay_notifications n ON n.id = b.inbox_id JOIN orders o ON o.id = n.order_id SET b.sealed_body = 'x' WHERE o.user_id = '${userId}'`,
    ];
    for (const account of ['app', 'root'] as const) {
      for (const sql of refused)
        expect({ sql, errno: await errnoOf(h.db, sql, account) }).toEqual({ sql, errno: TRIGGER });
    }
    // Not even while one runs: other columns, other requests.
    const { erasure } = await mustSucceed(proposeErasure(h, userId));
    const id = erasure?.erasureId ?? '';
    const run = "decided_by = 'spiffe://billing/operations/operations-2', decide_time = create_time";
    await h.db.query(`UPDATE user_erasures SET state = 'approved', ${run} WHERE id = ?`, [id]);
    await h.db.query("UPDATE user_erasures SET state = 'running', start_time = create_time WHERE id = ?", [id]);
    const never: readonly string[] = [
      `UPDATE granted_identities SET user_id = 'another' WHERE user_id = '${userId}'`,
      `UPDATE request_keys SET response = '{}' WHERE owner = 'user:${userId}'`,
      `UPDATE request_keys SET content_hash = REPEAT('x', 32) WHERE owner = 'user:${userId}' AND kind = 'EraseUser'`,
      `UPDATE user_erasures SET state = 'approved' WHERE id = '${id}'`,
      `DELETE FROM user_erasures WHERE id = '${id}'`,
    ];
    for (const sql of never) expect({ sql, errno: await errnoOf(h.db, sql) }).toEqual({ sql, errno: TRIGGER });
    await h.db.query('UPDATE user_erasures SET next_run_time = create_time WHERE id = ?', [id]);
    await untilState(id, ErasureState.DONE);
  });
});
