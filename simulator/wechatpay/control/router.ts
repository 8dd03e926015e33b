import { randomUUID } from 'node:crypto';
import { raw, Router, type ErrorRequestHandler, type Response } from 'express';
import type { Clock } from '../../../src/platform/clock';
import { balanceFen } from '../account';
import { ApiError, orderNotExist } from '../api-error';
import type { Books } from '../books';
import type { Courier } from '../courier';
import type { Faults } from '../faults';
import type { Holding } from '../holding';
import type { KeyRing } from '../key-ring';
import type { Material } from '../material';
import type { Notifier } from '../notifier';
import type { RefundDesk } from '../refund-desk';
import { refuseForeignPages } from '../same-origin';
import { required, text } from '../schema';
import type { Settings } from '../settings';
import { answer, body } from './exchange';
import { faultRoutes } from './fault-routes';
import { failToPay, payOrder } from './pay';
import { PAY_FIELDS, type PayRequest } from './pay-fields';
import { REFUND_REQUEST_FIELDS, refundOrder, type RefundRequest } from './refund';
import { booksReport, deliveryReports, orderReport } from './report';
import {
  BALANCE_FIELDS,
  CALLBACK_SETTINGS_FIELDS,
  KEY_SETTINGS_FIELDS,
  REFUND_SETTINGS_FIELDS,
  withKeySettings,
  withRefundSettings,
  type KeySettingsRequest,
  type RefundSettingsRequest,
} from './settings-fields';

export interface ControlDependencies {
  readonly books: Books;
  readonly material: Material;
  readonly courier: Courier;
  readonly notifier: Notifier;
  readonly refunds: RefundDesk;
  readonly keys: KeyRing;
  readonly clock: Clock;
  readonly faults: Faults;
  readonly holding: Holding;
  readonly reportBug: (error: unknown) => void;
}

/** What the real WeChat Pay lacks: a payer and misfortune on demand. Unsigned; on loopback like everything else. */
export function controlRouter(dependencies: ControlDependencies): Router {
  const { clock, faults, holding } = dependencies;
  const router = Router();
  router.use(refuseForeignPages);
  router.use(raw({ type: () => true }));
  router.get('/health', (_req, res) => answer(res, 200, { status: 'ok', now: clock.now().toISOString() }));
  moneyRoutes(router, dependencies);
  reportRoutes(router, dependencies);
  settingRoutes(router, dependencies);
  faultRoutes(router, faults, holding);
  router.use(() => {
    throw new ApiError(404, 'RESOURCE_NOT_EXISTS', 'No such control endpoint.', 0);
  });
  router.use(answerError(dependencies));
  return router;
}

function moneyRoutes(router: Router, dependencies: ControlDependencies): void {
  router.post('/pay', async (req, res) => {
    answer(res, 200, await payOrder(dependencies, body<PayRequest>(req, PAY_FIELDS)));
  });
  router.post('/fail', (req, res) => {
    failToPay(dependencies, body<{ order_id: string }>(req, { order_id: required(text(64)) }).order_id);
    answer(res, 200, {});
  });
  router.post('/refund', async (req, res) => {
    answer(res, 200, await refundOrder(dependencies, body<RefundRequest>(req, REFUND_REQUEST_FIELDS)));
  });
  router.post('/balance', (req, res) => {
    const { books } = dependencies;
    const { amount } = body<{ amount: number }>(req, BALANCE_FIELDS);
    const amountFen = amount - balanceFen(books);
    books.putAdjustment({ adjustmentId: randomUUID(), timeMs: clockMs(dependencies), amountFen });
    answer(res, 200, { balance: amount });
  });
}

function reportRoutes(router: Router, { books, clock }: ControlDependencies): void {
  router.get('/books', (_req, res) => answer(res, 200, booksReport(books, clock.now())));
  router.get('/orders', (_req, res) => {
    answer(res, 200, { orders: books.orders().map((order) => orderReport(books, order, clock.now())) });
  });
  router.get('/orders/:order_id', (req, res) => {
    const order = books.order(req.params.order_id);
    if (order === undefined) throw orderNotExist();
    const report = orderReport(books, order, clock.now());
    answer(res, 200, { ...report, deliveries: deliveryReports(books, order) });
  });
}

function settingRoutes(router: Router, { books, keys }: ControlDependencies): void {
  const put = (res: Response, settings: Settings): void => {
    books.putSettings(settings);
    answer(res, 200, settings);
  };
  router.post('/refunds', (req, res) => {
    put(res, withRefundSettings(books.settings(), body<RefundSettingsRequest>(req, REFUND_SETTINGS_FIELDS)));
  });
  router.post('/keys', (req, res) => {
    put(res, withKeySettings(books.settings(), body<KeySettingsRequest>(req, KEY_SETTINGS_FIELDS)));
  });
  router.post('/keys/rotate', async (_req, res) => {
    const { serial, certificate } = await keys.rotate();
    answer(res, 200, { serial_no: serial, certificate: certificate.toString() });
  });
  router.post('/callbacks', (req, res) => {
    const { enabled } = body<{ enabled: boolean }>(req, CALLBACK_SETTINGS_FIELDS);
    put(res, { ...books.settings(), areCallbacksEnabled: enabled });
  });
}

function clockMs({ clock }: ControlDependencies): number {
  return clock.now().getTime();
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
