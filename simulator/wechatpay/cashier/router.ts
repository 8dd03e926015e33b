import {
  Router,
  urlencoded,
  type ErrorRequestHandler,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import type { Clock } from '../../../src/platform/clock';
import { ApiError } from '../api-error';
import type { Books } from '../books';
import { failToPay, payOrder } from '../control/pay';
import { refundOrder } from '../control/refund';
import type { Courier } from '../courier';
import type { Material } from '../material';
import type { Notifier } from '../notifier';
import type { RefundDesk } from '../refund-desk';
import { isOurPage } from '../same-origin';
import { ACTIONS, cashierPage, href, type Action } from './page';
import { LANGUAGES, NOTES, type Language, type Note } from './wording';

interface CashierDependencies {
  readonly books: Books;
  readonly material: Material;
  readonly courier: Courier;
  readonly notifier: Notifier;
  readonly refunds: RefundDesk;
  readonly clock: Clock;
  readonly reportBug: (error: unknown) => void;
}

/** Nothing from elsewhere, no script, in nobody's frame, forms to ourselves alone. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";
const FORM_BYTES_MAX = 4_096;

/** The payer's side in a browser. Only a POST of this very page changes anything. */
export function cashierRouter(dependencies: CashierDependencies): Router {
  const router = Router();
  router.get('/', (req, res) => {
    const [language, orderId] = [languageOf(req.query['lang']), word(req.query['order'])];
    const note = NOTES.find((known) => known === req.query['note']);
    const { books, clock } = dependencies;
    const page = cashierPage({ books, now: clock.now(), language, orderId, note });
    res.set({ 'Content-Security-Policy': POLICY, 'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-store' });
    res.type('html').send(page);
  });
  router.use(refuseOtherPages, urlencoded({ extended: false, limit: FORM_BYTES_MAX }));
  for (const action of ACTIONS) {
    router.post(`/${action}`, async (req, res) => {
      const form = (req.body ?? {}) as Record<string, unknown>;
      const orderId = word(form['order']) ?? '';
      const note = await attempt(dependencies, action, orderId);
      const isAlone = form['alone'] === '1';
      const target = href(languageOf(form['lang']), isAlone ? orderId : undefined, note);
      res.redirect(303, target.replaceAll('&#38;', '&'));
    });
  }
  router.use(answerError(dependencies));
  return router;
}

/** Unlike a program, a page must say where it comes from. */
const refuseOtherPages: RequestHandler = (req: Request, res: Response, next) => {
  if (isOurPage(req)) return next();
  res.status(403).type('text').send('403: only the cashier page itself may do this.\n');
};

/** What a click came to; a refusal is told on the page. */
async function attempt(dependencies: CashierDependencies, action: Action, orderId: string): Promise<Note> {
  try {
    return await NOTES_OF[action](dependencies, orderId);
  } catch (error) {
    if (error instanceof ApiError) return 'refused';
    throw error;
  }
}

const NOTES_OF: Readonly<Record<Action, (dependencies: CashierDependencies, orderId: string) => Promise<Note>>> = {
  pay: async (dependencies, orderId) => {
    await payOrder(dependencies, { order_id: orderId });
    return 'paid';
  },
  fail: (dependencies, orderId) => {
    failToPay(dependencies, orderId);
    return Promise.resolve('failed');
  },
  refund: async (dependencies, orderId) => {
    await refundOrder(dependencies, { order_id: orderId });
    return 'refunded';
  },
};

function languageOf(value: unknown): Language {
  return LANGUAGES.find((known) => known === value) ?? 'zh';
}

function word(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function answerError({ reportBug }: CashierDependencies): ErrorRequestHandler {
  return (error: unknown, _req, res: Response, _next) => {
    reportBug(error);
    res.status(500).type('text').send('500: the simulator failed; its log says why.\n');
  };
}
