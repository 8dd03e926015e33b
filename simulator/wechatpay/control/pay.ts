import { randomUUID } from 'node:crypto';
import type { Clock } from '../../../src/platform/clock';
import { ApiError, orderNotExist } from '../api-error';
import type { Books } from '../books';
import type { Courier } from '../courier';
import type { Delivery } from '../delivery';
import { newNotificationId, newTransactionId } from '../identifiers';
import { tradeState, type Order, type Transaction } from '../order';
import { shanghaiRfc3339 } from '../time';
import { transactionView } from '../transaction-view';
import type { PayRequest } from './pay-fields';

const CODE_URL_LIFE_MS = 7_200_000;
const DEFAULT_OPENID = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o';

interface PayContext {
  readonly books: Books;
  readonly courier: Courier;
  readonly clock: Clock;
}

interface PayAnswer {
  readonly transaction_id: string;
  readonly success_time: string;
  /** The merchant's first answer to each copy; empty when the notification is dropped or delayed. */
  readonly deliveries: { readonly status: number; readonly body: string }[];
}

/**
 * Plays the payer: the money arrives at once, then the merchant is told, with all copies sent at the same time.
 * @throws ApiError 404 ORDER_NOT_EXIST; 409 ORDER_CLOSED, ORDER_EXPIRED or CODE_URL_INVALID when nobody could pay.
 */
export async function payOrder(context: PayContext, wanted: PayRequest): Promise<PayAnswer> {
  const { books, courier, clock } = context;
  const order = books.order(wanted.order_id);
  if (order === undefined) throw orderNotExist();
  const now = clock.now();
  const isNewPayment = needsPayment(order, wanted);
  if (isNewPayment) checkPayable(order, wanted, now);
  const transaction = isNewPayment ? receiveMoney(context, order, wanted, now) : order.transaction;
  if (transaction === undefined) throw new Error('A paid order has a transaction.');

  const dueTimeMs = clock.machineNow().getTime() + (wanted.delay_ms ?? 0);
  const copies = wanted.drop === true ? [] : newDeliveries(order, transaction, wanted, now, dueTimeMs);
  for (const copy of copies) books.putDelivery(copy);
  const attempts = wanted.delay_ms === undefined ? await Promise.all(copies.map((copy) => courier.attempt(copy))) : [];
  if (wanted.delay_ms !== undefined) for (const copy of copies) courier.schedule(copy);
  return {
    transaction_id: transaction.transactionId,
    success_time: shanghaiRfc3339(new Date(transaction.successTimeMs)),
    deliveries: attempts.map(({ status, body }) => ({ status, body })),
  };
}

/** A right payment happens once, after that the same one is told again; a wrong one is replaced by a different one. */
function needsPayment({ transaction, parameters }: Order, wanted: PayRequest): boolean {
  if (transaction === undefined) return true;
  if (transaction.amountFen === parameters.amount.total) return false;
  return (wanted.amount ?? parameters.amount.total) !== transaction.amountFen;
}

function checkPayable(order: Order, wanted: PayRequest, now: Date): void {
  if (tradeState(order, now) === 'CLOSED') throw new ApiError(409, 'ORDER_CLOSED', 'The order is closed.', 0);
  if (now.getTime() > order.expireTimeMs) {
    throw new ApiError(409, 'ORDER_EXPIRED', 'The time_expire of the order has passed.', 0);
  }
  if (wanted.code_url === undefined) return;
  const isLive = now.getTime() <= order.codeUrlTimeMs + CODE_URL_LIFE_MS;
  if (wanted.code_url !== order.codeUrl || !isLive) {
    throw new ApiError(409, 'CODE_URL_INVALID', 'The code_url was replaced or is older than two hours.', 0);
  }
}

function receiveMoney({ books, courier }: PayContext, order: Order, wanted: PayRequest, now: Date): Transaction {
  const transaction: Transaction = {
    transactionId: newTransactionId(now),
    successTimeMs: now.getTime(),
    amountFen: wanted.amount ?? order.parameters.amount.total,
    openid: wanted.openid ?? DEFAULT_OPENID,
  };
  for (const delivery of books.deliveriesOf(order.outTradeNo)) {
    if (delivery.state === 'pending') courier.supersede(delivery);
  }
  books.putOrder({ ...order, transaction });
  return transaction;
}

function newDeliveries(
  order: Order,
  transaction: Transaction,
  wanted: PayRequest,
  now: Date,
  dueTimeMs: number,
): Delivery[] {
  const shared = {
    notificationId: newNotificationId(now),
    outTradeNo: order.outTradeNo,
    transactionId: transaction.transactionId,
    url: order.parameters.notify_url,
    resource: resourceWithLies(order, transaction, wanted),
    createTime: shanghaiRfc3339(now),
    serialMode: wanted.serial_mode ?? 'public-key',
    ...(wanted.corrupt === undefined ? {} : { corruption: wanted.corrupt }),
    isRetried: wanted.retry ?? wanted.corrupt === undefined,
    state: 'pending',
    attempts: [],
    nextAttemptTimeMs: dueTimeMs,
  } as const;
  return Array.from({ length: wanted.duplicates ?? 1 }, () => ({ deliveryId: randomUUID(), ...shared }));
}

/** What the notification claims: the truth, but for the fields that the caller wants false. */
function resourceWithLies(order: Order, transaction: Transaction, wanted: PayRequest): object {
  const claimed: Order = {
    ...order,
    outTradeNo: wanted.out_trade_no ?? order.outTradeNo,
    parameters: {
      ...order.parameters,
      mchid: wanted.mchid ?? order.parameters.mchid,
      appid: wanted.appid ?? order.parameters.appid,
      amount: { ...order.parameters.amount, ...(wanted.currency === undefined ? {} : { currency: wanted.currency }) },
    },
  };
  return transactionView(claimed, {
    ...transaction,
    amountFen: wanted.amount ?? transaction.amountFen,
    openid: wanted.openid ?? transaction.openid,
  });
}
