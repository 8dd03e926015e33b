import type { Clock } from '../../src/platform/clock';
import { ApiError } from './api-error';
import type { Books } from './books';
import type { Attempt } from './delivery';
import { newRefundId } from './identifiers';
import type { Notifier, Telling } from './notifier';
import { refundStatus, shares, type PaidOrder, type Refund, type RefundOutcome, type RefundParameters } from './refund';
import { refundResource } from './refund-view';

/** A refund that is about to be accepted. */
interface RefundWish {
  readonly outRefundNo: string;
  readonly amountFen: number;
  /** Absent: made in the merchant portal. */
  readonly parameters?: RefundParameters;
  readonly notifyUrl?: string;
}

interface RefundDependencies {
  readonly books: Books;
  readonly notifier: Notifier;
  readonly clock: Clock;
}

/** Accepts refunds, ends them as they are meant to end, and tells the merchant. */
export class RefundDesk {
  private readonly timers = new Map<string, NodeJS.Timeout>();

  constructor(private readonly dependencies: RefundDependencies) {}

  /** Takes up what was on its way when the last process ended. */
  resume(): void {
    for (const refund of this.dependencies.books.refunds()) this.schedule(refund);
  }

  /** Books a refund that was checked before. It is PROCESSING. */
  accept(order: PaidOrder, wish: RefundWish): Refund {
    const { books, clock } = this.dependencies;
    const now = clock.now();
    const refund: Refund = {
      refundId: newRefundId(now),
      outTradeNo: order.outTradeNo,
      transactionId: order.transaction.transactionId,
      ...wish,
      ...shares(order.transaction, books.refundsOf(order.outTradeNo), wish.amountFen),
      createTimeMs: now.getTime(),
      history: [{ status: 'PROCESSING', timeMs: now.getTime() }],
      channel: 'ORIGINAL',
    };
    books.putRefund(refund);
    return refund;
  }

  /** Lets fate, as it is set, decide the refund after its delay; never within this call. */
  leaveToFate(refund: Refund): void {
    const { books } = this.dependencies;
    const { refundOutcome } = books.settings();
    if (refundOutcome !== 'PROCESSING') this.willBe(refund, refundOutcome);
  }

  /** Sends an abnormal refund on its way again, by another channel; this time it arrives, unless fate waits to be told. */
  helpAbnormal(refund: Refund): Refund {
    const { books, clock } = this.dependencies;
    const history = [...refund.history, { status: 'PROCESSING', timeMs: clock.now().getTime() } as const];
    const helped: Refund = { ...refund, history, channel: 'OTHER_BANKCARD' };
    books.putRefund(helped);
    if (books.settings().refundOutcome !== 'PROCESSING') this.willBe(helped, 'SUCCESS');
    return helped;
  }

  /**
   * Ends a refund and tells the merchant; one that already ended so is told again.
   * @throws ApiError 409 REFUND_FINISHED when it ended otherwise; an abnormal one can still succeed or be closed.
   */
  async decide(refund: Refund, outcome: RefundOutcome, how: Telling): Promise<Attempt[]> {
    const status = refundStatus(refund);
    if (status !== outcome && (status === 'SUCCESS' || status === 'CLOSED')) {
      throw new ApiError(409, 'REFUND_FINISHED', `The refund is ${status} for good.`, 0);
    }
    clearTimeout(this.timers.get(refund.outRefundNo));
    this.timers.delete(refund.outRefundNo);
    const ended = status === outcome ? refund : this.book(refund, outcome);
    return this.tell(ended, outcome, how);
  }

  close(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
  }

  private willBe(refund: Refund, outcome: RefundOutcome): void {
    const { books, clock } = this.dependencies;
    const timeMs = clock.machineNow().getTime() + books.settings().refundDelayMs;
    const due: Refund = { ...refund, due: { outcome, timeMs } };
    books.putRefund(due);
    this.schedule(due);
  }

  /** The timer does not keep the process alive. */
  private schedule({ outRefundNo, due }: Refund): void {
    if (due === undefined) return;
    const { books, clock } = this.dependencies;
    const timer = setTimeout(
      () => {
        const refund = books.refund(outRefundNo);
        if (refund !== undefined) void this.decide(refund, due.outcome, {});
      },
      Math.max(0, due.timeMs - clock.machineNow().getTime()),
    );
    timer.unref();
    this.timers.set(outRefundNo, timer);
  }

  private book({ due: _, ...refund }: Refund, status: RefundOutcome): Refund {
    const { books, clock } = this.dependencies;
    const ended: Refund = { ...refund, history: [...refund.history, { status, timeMs: clock.now().getTime() }] };
    books.putRefund(ended);
    return ended;
  }

  private async tell(refund: Refund, outcome: RefundOutcome, how: Telling): Promise<Attempt[]> {
    const { books, notifier } = this.dependencies;
    const order = paidOrderOf(books, refund);
    const url = refund.notifyUrl ?? portalAddress(books.settings().refundNotifyUrl, order);
    if (url === undefined) return [];
    const { outTradeNo, transactionId } = refund;
    const resource = refundResource(refund, order, outcome);
    return notifier.tell({ eventType: `REFUND.${outcome}`, outTradeNo, transactionId, url, resource }, how);
  }
}

/** The order that a refund belongs to. */
export function paidOrderOf(books: Books, { outTradeNo }: Refund): PaidOrder {
  const order = books.order(outTradeNo);
  if (order?.transaction === undefined) throw new Error(`Refunded, but not paid: ${outTradeNo}`);
  return { ...order, transaction: order.transaction };
}

const REFUND_PATH = '/wechatpay/notify/refund';

function portalAddress(setting: string, order: PaidOrder): string | undefined {
  if (setting === 'none') return undefined;
  return setting === 'derived' ? new URL(REFUND_PATH, order.parameters.notify_url).href : setting;
}
