import type { Clock } from '../../../src/platform/clock';
import { ApiError, orderNotExist } from '../api-error';
import type { Books } from '../books';
import type { Courier } from '../courier';
import { newTransactionId } from '../identifiers';
import type { Material } from '../material';
import type { Notifier } from '../notifier';
import { isLiveCredential, type Discount, type Order, type Transaction } from '../order';
import { shanghaiRfc3339 } from '../time';
import { transactionView } from '../transaction-view';
import type { PayRequest } from './pay-fields';
import { checkPaySign } from './pay-sign';

const DEFAULT_OPENID = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o';

interface PayContext {
  readonly books: Books;
  readonly material: Material;
  readonly courier: Courier;
  readonly notifier: Notifier;
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
 * @throws ApiError 404 ORDER_NOT_EXIST; 409 when nobody could pay: ORDER_CLOSED, ORDER_EXPIRED, CODE_URL_INVALID,
 * PAY_SIGN_INVALID, DISCOUNT_TOO_LARGE.
 */
export async function payOrder(context: PayContext, wanted: PayRequest): Promise<PayAnswer> {
  const { books, notifier, clock } = context;
  const order = books.order(wanted.order_id);
  if (order === undefined) throw orderNotExist();
  const now = clock.now();
  const isNewPayment = needsPayment(books, order, wanted);
  if (isNewPayment) checkPayable(context, order, wanted, now);
  const transaction = isNewPayment ? receiveMoney(context, order, wanted, now) : order.transaction;
  if (transaction === undefined) throw new Error('A paid order has a transaction.');
  const attempts = await notifier.tell(
    {
      eventType: 'TRANSACTION.SUCCESS',
      outTradeNo: order.outTradeNo,
      transactionId: transaction.transactionId,
      url: order.parameters.notify_url,
      resource: resourceWithLies(order, transaction, wanted),
    },
    wanted,
  );
  return {
    transaction_id: transaction.transactionId,
    success_time: shanghaiRfc3339(new Date(transaction.successTimeMs)),
    deliveries: attempts.map(({ status, body }) => ({ status, body })),
  };
}

/** A payer who tries in vain: the order is as unpaid as before. */
export function failToPay({ books, clock }: Pick<PayContext, 'books' | 'clock'>, orderId: string): void {
  const order = books.order(orderId);
  if (order === undefined) throw orderNotExist();
  if (order.transaction !== undefined) throw new ApiError(409, 'ORDER_PAID', 'The order is paid.', 0);
  checkOpen(books, order, clock.now());
  books.putOrder({ ...order, failedAttempts: (order.failedAttempts ?? 0) + 1 });
}

/** A right payment happens once, after that the same one is told again; a wrong one is replaced by a different one. */
function needsPayment(books: Books, { transaction, parameters, outTradeNo }: Order, wanted: PayRequest): boolean {
  if (transaction === undefined) return true;
  if (transaction.amountFen === parameters.amount.total || books.refundsOf(outTradeNo).length > 0) return false;
  return (wanted.amount ?? parameters.amount.total) !== transaction.amountFen;
}

function checkPayable({ books, material }: PayContext, order: Order, wanted: PayRequest, now: Date): void {
  checkOpen(books, order, now);
  if ((wanted.discount ?? 0) > (wanted.amount ?? order.parameters.amount.total)) {
    throw new ApiError(409, 'DISCOUNT_TOO_LARGE', 'The discount is more than the amount.', 0);
  }
  if (wanted.pay_sign !== undefined) checkPaySign(order, material.merchantPublicKey, wanted.pay_sign, now);
  const credential = wanted.code_url ?? wanted.prepay_id ?? wanted.h5_url;
  if (credential === undefined || isLiveCredential(order, credential, now)) return;
  throw new ApiError(409, 'CODE_URL_INVALID', 'What the payer was handed was replaced or is too old.', 0);
}

function checkOpen(books: Books, order: Order, now: Date): void {
  if (books.tradeState(order, now) === 'CLOSED') throw new ApiError(409, 'ORDER_CLOSED', 'The order is closed.', 0);
  if (now.getTime() > order.expireTimeMs) {
    throw new ApiError(409, 'ORDER_EXPIRED', 'The time_expire of the order has passed.', 0);
  }
}

function receiveMoney({ books, courier }: PayContext, order: Order, wanted: PayRequest, now: Date): Transaction {
  const transactionId = newTransactionId(now);
  const transaction: Transaction = {
    transactionId,
    successTimeMs: now.getTime(),
    amountFen: wanted.amount ?? order.parameters.amount.total,
    openid: wanted.openid ?? order.parameters.payer?.openid ?? DEFAULT_OPENID,
    ...discountOf(wanted, transactionId),
  };
  for (const delivery of books.deliveriesOf(order.outTradeNo)) {
    if (delivery.state === 'pending') courier.supersede(delivery);
  }
  books.putOrder({ ...order, transaction });
  return transaction;
}

function discountOf(wanted: PayRequest, transactionId: string): { discount?: Discount } {
  if (wanted.discount === undefined) return {};
  const couponId = transactionId.slice(-10);
  return { discount: { couponId, type: wanted.discount_type ?? 'CASH', amountFen: wanted.discount } };
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
