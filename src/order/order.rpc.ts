import { OrderServiceService, type Refund } from '../gen/billing/v1/order_service.pb';
import { isReason } from '../platform/errors';
import * as rules from '../platform/request-rules';
import type { CallContext } from '../platform/rpc/context';
import { defineService, type Handlers, type RpcService } from '../platform/rpc/service';
import { attachInvoice } from './attach-invoice';
import { cancelOrder } from './cancel-order';
import { checkOrder, type CheckOrderParts } from './check-order';
import { createOrder, type CreateOrderParts } from './create-order';
import { STATUSES, toCreditMessage, toQuotedCreditMessage, toOrderMessage, toPaymentMessage } from './messages.rpc';
import { isPayable, openPayment, prepayDeadlineOf, reopenPayment, type OpenedPayment } from './open-payment';
import type { OrderRow } from './order.model';
import { listOrders, readCreditsAround, readOrder } from './order.queries';
import type { OrderRefreshLimits } from './order-refresh-limits';
import { quoteOrder } from './quote-order';
import {
  attachInvoiceRequest,
  cancelRequest,
  createRequest,
  getRequest,
  listRequest,
  orderRequest,
  quoteRequest,
} from './requests.rpc';

/** What OrderService is built from. */
export interface OrderServiceParts extends CheckOrderParts, CreateOrderParts {
  readonly refreshLimits: OrderRefreshLimits;
  /** The refunds of an order, oldest first. */
  readonly readRefunds: (orderId: string) => Promise<readonly Refund[]>;
}

type OrderHandlers = Handlers<typeof OrderServiceService>;
/** The RPCs about refunds, which stand above orders. */
export type RefundHandlers = Pick<
  OrderHandlers,
  'quoteRefund' | 'refundOrder' | 'approveRefund' | 'rejectRefund' | 'listProposedRefunds'
>;
type Writes = 'createOrder' | 'cancelOrder' | 'attachInvoice';

/** OrderService: decode, call, encode. */
export function createOrderService(parts: OrderServiceParts, refunds: RefundHandlers): RpcService {
  return defineService(OrderServiceService, { ...writes(parts), ...reads(parts), ...refunds });
}

/** The RPCs that make, cancel and mark orders. Each answers with the order as it is now. */
function writes(parts: OrderServiceParts): Pick<OrderHandlers, Writes> {
  const { db, clock } = parts;
  return {
    createOrder: async (context, request) => {
      const { caller, signal } = context;
      const prepayDeadline = prepayDeadlineOf(parts, context);
      const command = { ...createRequest.parse(request), caller, signal, now: clock.now(), prepayDeadline };
      const { order, replayed } = await createOrder(parts, command);
      if (!replayed) parts.onStatus('created');
      const isFree = order.status === 'paid' && order.transactionId === null;
      if (!replayed && isFree) parts.onStatus('paid');
      const isSettled = isFree || (replayed && !isPayable(order, clock.now()));
      if (isSettled) return { order: toOrderMessage(order), payment: undefined, replayed };
      const opened = await openUnlessPaid(parts, order, () =>
        replayed ? reopenPayment(parts, order, context) : openPayment(parts, order, prepayDeadline, context),
      );
      const payment = opened.payment && toPaymentMessage(opened.payment);
      return { order: toOrderMessage(opened.order), payment, replayed };
    },
    cancelOrder: async (context, request) => {
      const { caller, signal } = context;
      const command = { ...cancelRequest.parse(request), caller, signal, now: clock.now() };
      const { order, replayed } = await cancelOrder(parts, command, budgetOf(parts, context));
      return { order: toOrderMessage(order), replayed };
    },
    attachInvoice: async ({ caller, signal, log }, request) => {
      const command = { ...attachInvoiceRequest.parse(request), caller, signal, log, now: clock.now() };
      const { replayed } = await attachInvoice(db, command);
      return { order: toOrderMessage(await readOrder(db, command.userId, command.orderId)), replayed };
    },
  };
}

/** The RPCs that look at orders. */
function reads(parts: OrderServiceParts): Omit<OrderHandlers, Writes | keyof RefundHandlers> {
  const { db, clock } = parts;
  return {
    quoteOrder: async (_context, request) => {
      const quote = await quoteOrder(db, quoteRequest.parse(request), clock.now());
      return { ...quote, credits: quote.credits.map(toQuotedCreditMessage) };
    },
    getOrder: async (context, request) => {
      const { userId, orderId, refresh } = getRequest.parse(request);
      const known = await readOrder(db, userId, orderId);
      const refreshed = refresh && (await refreshOrder(parts, known, context));
      const [order, refunds, credits] = await Promise.all([
        refresh ? readOrder(db, userId, orderId) : known,
        parts.readRefunds(orderId),
        readCreditsAround(db, orderId),
      ]);
      return {
        order: toOrderMessage(order),
        refunds: [...refunds],
        refreshed,
        credits: credits.map(toCreditMessage),
      };
    },
    getOrderPayment: async (context, request) => {
      const { userId, orderId } = orderRequest.parse(request);
      const { payment } = await reopenPayment(parts, await readOrder(db, userId, orderId), context);
      return { payment: toPaymentMessage(payment) };
    },
    listOrders: async (_context, request) => {
      const asked = listRequest.parse(request);
      const filter = { userId: asked.userId, status: rules.nameOf(STATUSES, asked.status) };
      const page = await listOrders(db, filter, asked.pageSize, asked.pageToken);
      return { orders: page.rows.map(toOrderMessage), nextPageToken: page.nextPageToken };
    },
  };
}

/** Opens a payment; an order that was paid before WeChat Pay's answer was here is success, and has nothing left to pay. */
async function openUnlessPaid(
  { db }: OrderServiceParts,
  { id, userId }: OrderRow,
  open: () => Promise<OpenedPayment>,
): Promise<Partial<OpenedPayment> & Pick<OpenedPayment, 'order'>> {
  try {
    return await open();
  } catch (error) {
    if (!isReason(error, 'ORDER_NOT_PAYABLE')) throw error;
    const current = await readOrder(db, userId, id);
    if (current.status !== 'paid') throw error;
    return { order: current };
  }
}

/** What a call has left for WeChat Pay. */
function budgetOf(parts: OrderServiceParts, context: CallContext): { timeoutMs: number; signal: AbortSignal } {
  const leftMs = prepayDeadlineOf(parts, context).getTime() - parts.clock.machineNow().getTime();
  return { timeoutMs: Math.max(1, leftMs), signal: context.signal };
}

/** Whether WeChat Pay may still tell something new about an order. */
function isOpen({ status }: OrderRow): boolean {
  return status === 'created' || status === 'pending' || status === 'closing';
}

/** Asks WeChat Pay about an order, if it may be asked now. Whether it answered: a refresh that fails is no error. */
async function refreshOrder(parts: OrderServiceParts, order: OrderRow, context: CallContext): Promise<boolean> {
  if (!isOpen(order)) return false;
  try {
    if (!(await parts.refreshLimits.mayAsk(order.id))) return false;
    await checkOrder(parts, order.id, budgetOf(parts, context));
    return true;
  } catch (error) {
    context.log.warn({ err: error, orderId: order.id }, 'an order could not be refreshed');
    return false;
  }
}
