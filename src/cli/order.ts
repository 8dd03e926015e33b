import { Option, type Command } from 'commander';
import { systemClock } from '../platform/clock';
import {
  OrderCloseReason,
  OrderKind,
  OrderServiceClient,
  OrderStatus,
  PaymentChannel,
  QuoteOrderRequest,
  RefundCause,
  RefundStatus,
  type Order,
  type OrderCredit,
  type OrderPayment,
} from '../gen/billing/v1/order_service.pb';
import { callUnary } from './connection';
import { tellRequestId } from './failure';
import type { Cell } from './output';
import { addPaging, tellNextPage, type CommandParts, type PagingOptions } from './quota';
import { addRequestId, requestIdOf, type RequestOptions } from './request-id';

/** The commands about orders. */

/** Adds `order show`, `list`, `quote`, `payment`, `cancel` and `attach-invoice`. */
export function addOrderCommands(program: Command, parts: CommandParts): void {
  const order = program.command('order').description('look at orders, cancel them, note their invoices');
  addShow(order, parts);
  addList(order, parts);
  addQuote(order, parts);
  addPayment(order, parts);
  addCancel(order, parts);
  addAttachInvoice(order, parts);
}

const STATUSES = ['created', 'pending', 'closing', 'paid', 'closed', 'failed', 'refunded'] as const;
type Status = (typeof STATUSES)[number];

function wireStatus(status: Status | undefined): OrderStatus {
  return status === undefined ? OrderStatus.UNSPECIFIED : OrderStatus[status.toUpperCase() as Uppercase<Status>];
}

function orderFields(one: Order): Readonly<Record<string, Cell>> {
  const isClosed = one.closeReason !== OrderCloseReason.UNSPECIFIED;
  return {
    order_id: one.orderId,
    user_id: one.userId,
    kind: OrderKind[one.kind],
    status: OrderStatus[one.status],
    ...(isClosed ? { close_reason: OrderCloseReason[one.closeReason] } : {}),
    plan_id: one.planId,
    plan_name: one.planName,
    quota_units: one.quotaUnits,
    channel: PaymentChannel[one.channel],
    list_amount: one.listAmount,
    credit_amount: one.creditAmount,
    original_amount: one.originalAmount,
    discount_amount: one.discountAmount,
    final_amount: one.finalAmount,
    refunded_amount: one.refundedAmount,
    net_amount: one.netAmount,
    tax_amount: one.taxAmount,
    currency: one.currency,
    coupon_id: one.couponId,
    transaction_id: one.transactionId,
    invoice_reference: one.invoiceReference,
    create_time: one.createTime,
    expire_time: one.expireTime,
    paid_time: one.paidTime,
  };
}

function addShow(order: Command, { output, withClient }: CommandParts): void {
  order
    .command('show <user_id> <order_id>')
    .description('everything about one order of a user, with its refunds, and what upgrades credit')
    .option('--refresh', 'ask WeChat Pay first, if the order waits for payment or is being closed')
    .action(async (userId: string, orderId: string, { refresh = false }: { readonly refresh?: boolean }) => {
      const shown = await withClient(OrderServiceClient, (client) =>
        callUnary(client.getOrder.bind(client), { userId, orderId, refresh }, systemClock.now()),
      );
      const fields = shown.order === undefined ? {} : orderFields(shown.order);
      output().recordWithRows(
        {
          ...fields,
          ...creditFields(orderId, shown.credits),
          ...(refresh ? { refreshed: shown.refreshed } : {}),
        },
        'refunds',
        ['refund', 'status', 'cause', 'amount fen', 'reason', 'created', 'succeeded'],
        shown.refunds.map((one) => [
          ...[one.refundId, RefundStatus[one.status], RefundCause[one.cause], one.amount, one.reason],
          ...[one.createTime, one.successTime],
        ]),
      );
    });
}

/** What an order credits of others, and what upgrades credit of it: `<fen> of <order>`, and the other way round. */
function creditFields(orderId: string, credits: readonly OrderCredit[]): Readonly<Record<string, Cell>> {
  const own = credits.filter((credit) => credit.orderId === orderId);
  const others = credits.filter((credit) => credit.creditedOrderId === orderId);
  return {
    ...(own.length === 0 ? {} : { credits: own.map((one) => `${one.amount} of ${one.creditedOrderId}`).join(', ') }),
    ...(others.length === 0 ? {} : { credited: others.map((one) => `${one.amount} to ${one.orderId}`).join(', ') }),
  };
}

interface QuoteOptions {
  readonly coupon?: string;
  readonly upgrade?: boolean;
}

function addQuote(order: Command, { output, withClient }: CommandParts): void {
  order
    .command('quote <user_id> <plan_id>')
    .description('what an order of a plan would cost a user now; reserves nothing')
    .option('--coupon <coupon_id>', 'with a coupon of the user')
    .option('--upgrade', 'in the place of what the user holds, with its credits')
    .action(async (userId: string, planId: string, { coupon: couponId = '', upgrade = false }: QuoteOptions) => {
      const kind = upgrade ? OrderKind.UPGRADE : OrderKind.PURCHASE;
      const request = QuoteOrderRequest.fromPartial({ userId, planId, couponId, kind });
      const quote = await withClient(OrderServiceClient, (client) =>
        callUnary(client.quoteOrder.bind(client), request, systemClock.now()),
      );
      output().recordWithRows(
        {
          ...{ user_id: userId, plan_id: planId, kind: OrderKind[kind], list_amount: quote.listAmount },
          ...{ credit_amount: quote.creditAmount, original_amount: quote.originalAmount },
          ...{ discount_amount: quote.discountAmount, final_amount: quote.finalAmount },
        },
        'credits',
        ['order', 'credit fen', 'unspent units'],
        quote.credits.map(({ creditedOrderId, amount, units }) => [creditedOrderId, amount, units]),
      );
    });
}

function addList(order: Command, { output, withClient }: CommandParts): void {
  const list = order
    .command('list <user_id>')
    .description("a user's orders, newest first")
    .addOption(new Option('--status <status>', 'only those that stand there').choices(STATUSES));
  addPaging(list).action(async (userId: string, options: PagingOptions & { readonly status?: Status }) => {
    const { pageSize, pageToken = '' } = options;
    const status = wireStatus(options.status);
    const page = await withClient(OrderServiceClient, (client) =>
      callUnary(client.listOrders.bind(client), { userId, status, pageSize, pageToken }, systemClock.now()),
    );
    output().rows(
      ['order', 'kind', 'plan', 'status', 'channel', 'final fen', 'refunded fen', 'created', 'paid'],
      page.orders.map((one) => [
        ...[one.orderId, OrderKind[one.kind], one.planName, OrderStatus[one.status], PaymentChannel[one.channel]],
        ...[one.finalAmount, one.refundedAmount, one.createTime, one.paidTime],
      ]),
    );
    tellNextPage(page.nextPageToken);
  });
}

/** The parameters of a payment, by the names that they have in the proto. */
function paymentFields(payment: OrderPayment | undefined): Readonly<Record<string, Cell>> {
  const { method } = payment ?? {};
  if (method === undefined) return {};
  const named = Object.entries<string>({ ...method.value }).map(([name, value]) => [snakeCase(name), value] as const);
  return { channel: method.$case, ...Object.fromEntries(named) };
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function addPayment(order: Command, { output, withClient }: CommandParts): void {
  order
    .command('payment <user_id> <order_id>')
    .description('fresh parameters to pay an order with; those given before stop working')
    .action(async (userId: string, orderId: string) => {
      const { payment } = await withClient(OrderServiceClient, (client) =>
        callUnary(client.getOrderPayment.bind(client), { userId, orderId }, systemClock.now()),
      );
      output().record({ order_id: orderId, ...paymentFields(payment) });
    });
}

function addCancel(order: Command, { output, withClient }: CommandParts): void {
  const cancel = order
    .command('cancel <user_id> <order_id>')
    .description('close an order that waits for payment (as order-service)');
  addRequestId(cancel).action(async (userId: string, orderId: string, options: RequestOptions) => {
    const requestId = requestIdOf(options);
    const { order: one, replayed } = await withClient(OrderServiceClient, (client) =>
      callUnary(client.cancelOrder.bind(client), { requestId, userId, orderId }, systemClock.now()),
    ).catch(tellRequestId(requestId));
    output().record({ request_id: requestId, replayed, ...(one === undefined ? {} : orderFields(one)) });
  });
}

function addAttachInvoice(order: Command, { output, withClient }: CommandParts): void {
  const attach = order
    .command('attach-invoice <user_id> <order_id> <invoice_reference>')
    .description('note which invoice was issued for a paid order (as finance or order-service)');
  addRequestId(attach).action(
    async (userId: string, orderId: string, invoiceReference: string, options: RequestOptions) => {
      const requestId = requestIdOf(options);
      const request = { requestId, userId, orderId, invoiceReference };
      const { order: one, replayed } = await withClient(OrderServiceClient, (client) =>
        callUnary(client.attachInvoice.bind(client), request, systemClock.now()),
      ).catch(tellRequestId(requestId));
      output().record({ request_id: requestId, replayed, ...(one === undefined ? {} : orderFields(one)) });
    },
  );
}
