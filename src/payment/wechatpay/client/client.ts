import type { KeyObject } from 'node:crypto';
import type { z } from 'zod';
import type { Clock } from '../../../platform/clock';
import { fen } from '../../../platform/money';
import { believeSigned, parseJson, readErrorCode } from './answer';
import {
  checkFundFlowTotals,
  checkTradeTotals,
  readFundFlowBill,
  readTradeBill,
  type FundFlowBill,
  type TradeBill,
} from '../bill/bill';
import { fetchBillFile, fundFlowBillPath, tradeBillPath, type FundAccount } from '../bill/bill-download';
import { unavailable, type Answered, type Caller } from './caller';
import type { WechatpayKeys } from '../keys';
import {
  closeOrderBody,
  closeOrderPath,
  queriedOrderShape,
  queryOrderPath,
  type OrderKey,
  type QueriedOrder,
} from '../order-state';
import { paymentParametersShape, prepayBody, prepayPath, type PaymentParameters, type Prepay } from '../prepay';
import {
  isAnswerTo,
  queryRefundPath,
  REFUND_PATH,
  refundAnswerShape,
  refundBody,
  type RefundRequest,
  type ToldRefund,
} from '../refund';
import type { CallBudget } from './retry';
import { makeStamp } from '../stamp';
import { microYuan } from '../bill/yuan';

/**
 * Calls WeChat Pay. Every method returns what WeChat Pay signed, or throws WECHATPAY_UNAVAILABLE (whether it acted is
 * not known: repeat identically or query) or WechatpayRefused (declined for good). An answer about anything else than
 * what was asked is an unknown outcome.
 */
export interface WechatpayClient {
  /** Opens an order for payment in its channel. Repeating it with identical values is harmless. */
  prepay(prepay: Prepay, budget: CallBudget): Promise<PaymentParameters>;
  /** Asks what became of an order. Refusals: ORDER_NOT_EXIST, which counts only when it is verified. */
  queryOrder(by: OrderKey, budget: CallBudget): Promise<QueriedOrder>;
  /** Closes an unpaid order: from then on nobody can pay it. Closing a closed one is harmless. Refusals: ORDER_PAID. */
  closeOrder(orderId: string, budget: CallBudget): Promise<void>;
  /** Asks for a refund. The answer says that it was accepted; repeating it with identical values is harmless. */
  refund(request: RefundRequest, budget: CallBudget): Promise<ToldRefund>;
  /** Asks what became of a refund. Refusals: RESOURCE_NOT_EXISTS. */
  queryRefund(outRefundNo: string, budget: CallBudget): Promise<ToldRefund>;
  /**
   * Fetches the trade bill of a day (`2026-01-31`, in UTC+8), there from ten o'clock on the next. Also throws
   * BillNotReady and BillUnusable.
   */
  downloadTradeBill(day: string, budget: CallBudget): Promise<TradeBill>;
  /** Fetches the fund-flow bill of a day and an account; as downloadTradeBill. */
  downloadFundFlowBill(day: string, account: FundAccount, budget: CallBudget): Promise<FundFlowBill>;
  /** Waits for calls in flight and closes the connections. */
  close(): Promise<void>;
}

/** What the client is made from. */
interface ClientParts {
  readonly caller: Caller;
  /** The keys answers may be signed with. */
  readonly keys: WechatpayKeys;
  readonly appid: string;
  readonly mchid: string;
  readonly merchantKey: KeyObject;
  readonly clock: Clock;
  readonly close: () => Promise<void>;
}

/** Makes the client of one merchant and app. */
export function createWechatpayClient(parts: ClientParts): WechatpayClient {
  const { caller, keys, clock } = parts;
  const believe = believeSigned(keys);
  const get = (path: string, budget: CallBudget) => caller.call({ method: 'GET', path, believe }, budget);
  const post = (path: string, body: Buffer, budget: CallBudget) =>
    caller.call({ method: 'POST', path, body, believe }, budget);
  return {
    async prepay(prepay, budget) {
      const { channel } = prepay;
      const answered = await post(prepayPath(channel), prepayBody(prepay, parts), budget);
      return parseAnswer(paymentParametersShape(channel, { ...parts, stamp: makeStamp(clock) }), answered);
    },
    async queryOrder(by, budget) {
      return parseAnswer(queriedOrderShape(by, parts), await get(queryOrderPath(by, parts), budget));
    },
    async closeOrder(orderId, budget) {
      await post(closeOrderPath(orderId), closeOrderBody(parts), budget);
    },
    async refund(request, budget) {
      const shape = refundAnswerShape.refine((told) => isAnswerTo(request, told), 'tells of another refund');
      return parseAnswer(shape, await post(REFUND_PATH, refundBody(request), budget));
    },
    async queryRefund(outRefundNo, budget) {
      const shape = refundAnswerShape.refine((told) => told.outRefundNo === outRefundNo, 'tells of another refund');
      return parseAnswer(shape, await get(queryRefundPath(outRefundNo), budget));
    },
    async downloadTradeBill(day, budget) {
      const file = await fetchBillFile(caller, keys, { path: tradeBillPath(day), day }, budget);
      if (file === undefined) return { day, exists: false, lines: [], summary: NO_TRADES };
      const bill = readTradeBill(day, file);
      checkTradeTotals(bill);
      return bill;
    },
    async downloadFundFlowBill(day, account, budget) {
      const file = await fetchBillFile(caller, keys, { path: fundFlowBillPath(day, account), day }, budget);
      if (file === undefined) return { day, exists: false, lines: [], summary: NO_FLOWS };
      const bill = readFundFlowBill(day, file);
      checkFundFlowTotals(bill);
      return bill;
    },
    close: parts.close,
  };
}

const NOTHING = fen(0);
const NO_TRADES: TradeBill['summary'] = {
  count: 0,
  settlementAmount: NOTHING,
  orderAmount: NOTHING,
  refundAmount: NOTHING,
  requestedRefundAmount: NOTHING,
  fee: microYuan(0),
};
const NO_FLOWS: FundFlowBill['summary'] = {
  count: 0,
  incomeCount: 0,
  incomeAmount: NOTHING,
  expenseCount: 0,
  expenseAmount: NOTHING,
};

/** What an answer tells. An error envelope inside a signed 200 has been seen in the field: that is an unknown outcome. */
function parseAnswer<Told>(shape: z.ZodType<Told>, answered: Answered): Told {
  const parsed = shape.safeParse(parseJson(answered.body));
  if (parsed.success) return parsed.data;
  const { requestId } = answered;
  throw unavailable({ code: readErrorCode(answered.body), requestId, cause: parsed.error });
}
