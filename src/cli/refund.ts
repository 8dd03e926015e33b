import { InvalidArgumentError, type Command } from 'commander';
import {
  OrderServiceClient,
  OrderStatus,
  RefundCause,
  RefundDecision,
  RefundStatus,
  type Order,
  type Refund,
} from '../gen/billing/v1/order_service.pb';
import { systemClock } from '../platform/clock';
import { callUnary } from './connection';
import { tellRequestId } from './failure';
import { addRequestId, requestIdOf, type RequestOptions } from './request-id';
import type { Cell } from './output';
import { addPaging, tellNextPage, type CommandParts, type PagingOptions } from './quota';

/** The commands about refunds: finance gives money back, whoever may look at orders looks at it. */

/** Adds `refund quote`, `create`, `list`, `pending`, `approve` and `reject`. */
export function addRefundCommands(program: Command, parts: CommandParts): void {
  const refund = program.command('refund').description('give the money of an order back');
  addQuote(refund, parts);
  addCreate(refund, parts);
  addList(refund, parts);
  addPending(refund, parts);
  addApprove(refund, parts);
  addReject(refund, parts);
}

/** An amount of fen; money is never typed with a point. */
function parseFen(text: string): number {
  if (!/^[1-9]\d{0,11}$/.test(text)) throw new InvalidArgumentError('It must be a whole number of fen, at least 1.');
  return Number(text);
}

interface AmountOptions {
  readonly amount?: number;
}

function addAmount(command: Command): Command {
  return command.option('--amount <fen>', 'how much; default: all that may go back', parseFen);
}

function addQuote(refund: Command, { output, withClient }: CommandParts): void {
  const quote = refund
    .command('quote <user_id> <order_id>')
    .description('what a refund would bring back and end; changes nothing');
  addAmount(quote).action(async (userId: string, orderId: string, { amount = 0 }: AmountOptions) => {
    const answer = await withClient(OrderServiceClient, (client) =>
      callUnary(client.quoteRefund.bind(client), { userId, orderId, amount }, systemClock.now()),
    );
    output().record({
      order_id: orderId,
      amount: answer.amount,
      refundable_amount: answer.refundableAmount,
      full: answer.full,
      revoked_units: answer.revokedUnits,
      period_end_time: answer.periodEndTime,
      coupon_returned: answer.couponReturned,
    });
  });
}

function refundFields(one: Refund): Readonly<Record<string, Cell>> {
  return {
    refund_id: one.refundId,
    status: RefundStatus[one.status],
    cause: RefundCause[one.cause],
    amount: one.amount,
    frozen_units: one.frozenUnits,
    reason: one.reason,
    transaction_id: one.transactionId,
    wechatpay_refund_id: one.wechatpayRefundId,
    create_time: one.createTime,
    success_time: one.successTime,
    requested_by: one.requestedBy,
    ...(one.approveDeadline === undefined ? {} : proposalFields(one)),
  };
}

function proposalFields(one: Refund): Readonly<Record<string, Cell>> {
  return {
    approve_deadline: one.approveDeadline,
    decision: one.decision === RefundDecision.UNSPECIFIED ? '' : RefundDecision[one.decision],
    decided_by: one.decidedBy,
    decide_time: one.decideTime,
    decision_reason: one.decisionReason,
  };
}

/** What RefundOrder, ApproveRefund and RejectRefund answer. */
interface Answer {
  readonly refund?: Refund | undefined;
  readonly order?: Order | undefined;
  readonly replayed: boolean;
}

function answerFields(requestId: string, { refund, order, replayed }: Answer): Readonly<Record<string, Cell>> {
  return {
    request_id: requestId,
    replayed,
    order_id: order?.orderId ?? '',
    order_status: order === undefined ? '' : OrderStatus[order.status],
    refunded_amount: order?.refundedAmount ?? 0,
    ...(refund === undefined ? {} : refundFields(refund)),
  };
}

type CreateOptions = AmountOptions & RequestOptions & { readonly reason: string };

function addCreate(refund: Command, { output, withClient }: CommandParts): void {
  const create = refund
    .command('create <user_id> <order_id>')
    .description('refund an order, in full or in part (as finance); look at `refund quote` first')
    .requiredOption('--reason <text>', 'why; the payer sees it, at most 80 bytes');
  addRequestId(addAmount(create)).action(async (userId: string, orderId: string, options: CreateOptions) => {
    const { reason, amount = 0 } = options;
    const requestId = requestIdOf(options);
    const answer = await withClient(OrderServiceClient, (client) =>
      callUnary(client.refundOrder.bind(client), { requestId, userId, orderId, amount, reason }, systemClock.now()),
    ).catch(tellRequestId(requestId));
    output().record(answerFields(requestId, answer));
  });
}

function addList(refund: Command, { output, withClient }: CommandParts): void {
  refund
    .command('list <user_id> <order_id>')
    .description('the refunds of an order, oldest first')
    .action(async (userId: string, orderId: string) => {
      const { refunds } = await withClient(OrderServiceClient, (client) =>
        callUnary(client.getOrder.bind(client), { userId, orderId, refresh: false }, systemClock.now()),
      );
      output().rows(
        ['refund', 'status', 'cause', 'amount fen', 'frozen units', 'reason', 'created', 'succeeded'],
        refunds.map((one) => [
          ...[one.refundId, RefundStatus[one.status], RefundCause[one.cause], one.amount, one.frozenUnits],
          ...[one.reason, one.createTime, one.successTime],
        ]),
      );
    });
}

function addPending(refund: Command, { output, withClient }: CommandParts): void {
  const pending = refund
    .command('pending')
    .description("refunds that wait for another person's approval, oldest first");
  addPaging(pending).action(async ({ pageSize, pageToken = '' }: PagingOptions) => {
    const page = await withClient(OrderServiceClient, (client) =>
      callUnary(client.listProposedRefunds.bind(client), { pageSize, pageToken }, systemClock.now()),
    );
    output().rows(
      ['refund', 'user', 'order', 'amount fen', 'reason', 'requested by', 'created', 'approve before'],
      page.refunds.map((one) => [
        ...[one.refundId, one.userId, one.orderId, one.amount, one.reason],
        ...[one.requestedBy, one.createTime, one.approveDeadline],
      ]),
    );
    tellNextPage(page.nextPageToken);
  });
}

function addApprove(refund: Command, { output, withClient }: CommandParts): void {
  const approve = refund
    .command('approve <refund_id>')
    .description('agree to a proposed refund, as somebody else of finance than who asked for it: the money goes back');
  addRequestId(approve).action(async (refundId: string, options: RequestOptions) => {
    const requestId = requestIdOf(options);
    const answer = await withClient(OrderServiceClient, (client) =>
      callUnary(client.approveRefund.bind(client), { requestId, refundId }, systemClock.now()),
    ).catch(tellRequestId(requestId));
    output().record(answerFields(requestId, answer));
  });
}

type RejectOptions = RequestOptions & { readonly reason: string };

function addReject(refund: Command, { output, withClient }: CommandParts): void {
  const reject = refund
    .command('reject <refund_id>')
    .description('refuse a proposed refund for good, or take back your own')
    .requiredOption('--reason <text>', 'why; the payer does not see it');
  addRequestId(reject).action(async (refundId: string, options: RejectOptions) => {
    const { reason } = options;
    const requestId = requestIdOf(options);
    const answer = await withClient(OrderServiceClient, (client) =>
      callUnary(client.rejectRefund.bind(client), { requestId, refundId, reason }, systemClock.now()),
    ).catch(tellRequestId(requestId));
    output().record(answerFields(requestId, answer));
  });
}
