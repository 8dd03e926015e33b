import { raw, Router, type ErrorRequestHandler, type Request, type Response } from 'express';
import type { Clock } from '../../../src/platform/clock';
import { ApiError, orderNotExist } from '../api-error';
import type { Books } from '../books';
import type { Courier } from '../courier';
import { FAULT_NAMES, type FaultName, type FaultQueue } from '../faults';
import { tradeState, type Order } from '../order';
import { integer, parseBody, required, text, type Fields } from '../schema';
import { shanghaiRfc3339 } from '../time';
import { payOrder } from './pay';
import { PAY_FIELDS, type PayRequest } from './pay-fields';

interface ControlDependencies {
  readonly books: Books;
  readonly courier: Courier;
  readonly clock: Clock;
  readonly faults: FaultQueue;
  readonly reportBug: (error: unknown) => void;
}

interface FaultRequest {
  readonly name: FaultName;
  readonly times?: number;
  readonly path?: string;
  readonly ms?: number;
}

const FAULT_FIELDS: Fields = {
  name: required(text(32, { oneOf: FAULT_NAMES })),
  times: integer({ min: 1 }),
  path: text(255),
  ms: integer({ min: 0, max: 600_000 }),
};
const SLOW_MS_DEFAULT = 20_000;

/** What the real WeChat Pay lacks: a payer and misfortune on demand. Unsigned; on loopback like everything else. */
export function controlRouter(dependencies: ControlDependencies): Router {
  const { books, clock, faults } = dependencies;
  const router = Router();
  router.use(raw({ type: () => true }));
  router.get('/health', (_req, res) => answer(res, 200, { status: 'ok', now: clock.now().toISOString() }));
  router.post('/pay', async (req, res) => {
    answer(res, 200, await payOrder(dependencies, body<PayRequest>(req, PAY_FIELDS)));
  });
  router.get('/orders', (_req, res) => {
    answer(res, 200, { orders: books.orders().map((order) => orderSummary(order, clock)) });
  });
  router.get('/orders/:order_id', (req, res) => {
    const order = books.order(req.params.order_id);
    if (order === undefined) throw orderNotExist();
    answer(res, 200, { ...orderSummary(order, clock), deliveries: deliverySummaries(books, order) });
  });
  router.post('/fault', (req, res) => {
    const { name, times, path, ms } = body<FaultRequest>(req, FAULT_FIELDS);
    faults.plan({ name, path, delayMs: ms ?? SLOW_MS_DEFAULT }, times ?? 1);
    answer(res, 200, { name, times: times ?? 1, path: path ?? '/' });
  });
  router.delete('/fault', (_req, res) => {
    faults.clear();
    answer(res, 200, {});
  });
  router.use(() => {
    throw new ApiError(404, 'RESOURCE_NOT_EXISTS', 'No such control endpoint.', 0);
  });
  router.use(answerError(dependencies));
  return router;
}

function orderSummary(order: Order, clock: Clock): object {
  const { transaction } = order;
  return {
    order_id: order.outTradeNo,
    trade_state: tradeState(order, clock.now()),
    amount: order.parameters.amount.total,
    notify_url: order.parameters.notify_url,
    code_url: order.codeUrl,
    prepay_count: order.prepayCount,
    expire_time: shanghaiRfc3339(new Date(order.expireTimeMs)),
    ...(transaction === undefined
      ? {}
      : {
          transaction_id: transaction.transactionId,
          paid_amount: transaction.amountFen,
          success_time: shanghaiRfc3339(new Date(transaction.successTimeMs)),
        }),
  };
}

function deliverySummaries(books: Books, order: Order): object[] {
  return books.deliveriesOf(order.outTradeNo).map((delivery) => ({
    notification_id: delivery.notificationId,
    transaction_id: delivery.transactionId,
    state: delivery.state,
    ...(delivery.corruption === undefined ? {} : { corrupt: delivery.corruption }),
    attempts: delivery.attempts.map(({ status, body: answered }) => ({ status, body: answered })),
  }));
}

/** Fields are checked just before, so the assertion of their type holds. */
function body<T>(req: Request, fields: Fields): T {
  return parseBody(Buffer.isBuffer(req.body) ? req.body : Buffer.from('{}'), fields) as T;
}

function answer(res: Response, status: number, content: object): void {
  res.locals['code'] = 'code' in content ? content.code : 'OK';
  res.status(status).json(content);
}

function answerError({ reportBug }: ControlDependencies): ErrorRequestHandler {
  return (error: unknown, _req, res: Response, _next) => {
    if (error instanceof ApiError) {
      const { status, code, message, detail } = error;
      return answer(res, status, { code, message, ...(detail === undefined ? {} : { detail }) });
    }
    reportBug(error);
    answer(res, 500, { code: 'SYSTEM_ERROR', message: 'The simulator failed; its log says why.' });
  };
}
