import { mustSucceed } from '../../support/clients';
import { createOrder, newId, registerMember, registerUser, startHarness, type Harness } from '../../support/harness';
import { moneyState } from '../../support/observe';
import { attachInvoiceCall, createOrderCall, getOrderCall } from '../../support/order-calls';
import { claim, openPromotion } from '../../support/promotions';
import { refundOf, untilRefunds } from '../../support/refund-calls';

const INVOICE = '24312000000123456789';
const CORRECTED = '24312000000123456790';

/** An invoice (发票) is noted on the order whose money it is about, and the audit trail keeps every one. */
describe('AttachInvoice', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness();
  });
  afterAll(() => h.stop());

  const auditOf = (orderId: string) =>
    h.db.query(
      "SELECT actor, cause, before_state, after_state FROM audit_logs WHERE subject_id = ? AND action = 'AttachInvoice' ORDER BY id",
      [orderId],
    );

  test('notes it on a paid order; another one takes its place, and both stay in the audit trail', async () => {
    const { userId, orderId } = await registerMember(h);
    const [first, second] = [newId('invoice'), newId('invoice')];
    const noted = await mustSucceed(attachInvoiceCall(h, { userId, orderId, requestId: first }));
    expect(noted).toMatchObject({ replayed: false, order: { orderId, invoiceReference: INVOICE } });
    const corrected = { userId, orderId, requestId: second, invoiceReference: CORRECTED };
    await mustSucceed(attachInvoiceCall(h, corrected));
    const { order } = await mustSucceed(getOrderCall(h, userId, orderId));
    expect(order?.invoiceReference).toBe(CORRECTED);
    const actor = 'spiffe://billing/finance/finance';
    expect(await auditOf(orderId)).toEqual([
      {
        actor,
        cause: first,
        before_state: '{"invoice_reference":null}',
        after_state: `{"invoice_reference":"${INVOICE}"}`,
      },
      {
        actor,
        cause: second,
        before_state: `{"invoice_reference":"${INVOICE}"}`,
        after_state: `{"invoice_reference":"${CORRECTED}"}`,
      },
    ]);
  });

  test('lesson 1: repeated it does nothing; with another reference the request id is used up', async () => {
    const { userId, orderId } = await registerMember(h);
    const requestId = newId('invoice');
    await mustSucceed(attachInvoiceCall(h, { userId, orderId, requestId }));
    const before = await moneyState(h);
    const again = await mustSucceed(attachInvoiceCall(h, { userId, orderId, requestId }));
    expect(again).toMatchObject({ replayed: true, order: { invoiceReference: INVOICE } });
    const other = await attachInvoiceCall(h, { userId, orderId, requestId, invoiceReference: CORRECTED });
    expect(other).toMatchObject({ ok: false, code: 'ALREADY_EXISTS', reason: 'REQUEST_ID_REUSED' });
    expect(await moneyState(h)).toEqual(before);
  });

  test('refuses an order that no money came for, one that waits for it and one that was free: ORDER_NOT_PAID', async () => {
    const userId = await registerUser(h);
    const open = await createOrder(h, userId);
    const promotionId = await openPromotion(h, { discountValue: 1_000_000, mayBeFree: true });
    const { couponId } = await claim(h, userId, promotionId);
    const { order: free } = await mustSucceed(createOrderCall(h, { userId, couponId }));
    const before = await moneyState(h);
    for (const [orderId, status] of [[open, 'pending'] as const, [free?.orderId ?? '', 'paid'] as const]) {
      const refused = await attachInvoiceCall(h, { userId, orderId });
      const metadata = { order_id: orderId, status };
      expect(refused).toMatchObject({ ok: false, code: 'FAILED_PRECONDITION', reason: 'ORDER_NOT_PAID', metadata });
    }
    expect(await moneyState(h)).toEqual(before);
  });

  test('of somebody else is ORDER_NOT_FOUND', async () => {
    const { orderId } = await registerMember(h);
    const before = await moneyState(h);
    const refused = await attachInvoiceCall(h, { userId: await registerUser(h), orderId });
    expect(refused).toMatchObject({ ok: false, code: 'NOT_FOUND', reason: 'ORDER_NOT_FOUND' });
    expect(Object.keys(await moneyState(h))).toEqual(Object.keys(before));
    expect(await auditOf(orderId)).toEqual([]);
  });

  test('tells people when the money went back already: the invoice has to be corrected', async () => {
    const { userId, orderId } = await registerMember(h);
    await refundOf(h, { userId, orderId, amount: 100 });
    await untilRefunds(h, orderId, ['succeeded']);
    await mustSucceed(attachInvoiceCall(h, { userId, orderId }));
    const alerts = await h.db.query('SELECT kind, user_id, details, resolve_time FROM alerts WHERE subject_id = ?', [
      orderId,
    ]);
    const details = JSON.stringify({ invoice_reference: INVOICE, refunded_amount: 100 });
    expect(alerts).toEqual([{ kind: 'invoice_of_refunded_order', user_id: userId, details, resolve_time: null }]);
  });
});
