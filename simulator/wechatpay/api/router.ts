import { setTimeout as delay } from 'node:timers/promises';
import { raw, Router, type ErrorRequestHandler, type Request, type RequestHandler, type Response } from 'express';
import { ApiError, INTERNAL_UNPUBLISHED, paramError } from '../api-error';
import type { Authorizer } from '../authorization';
import type { ApiFaultName, Fault, Faults } from '../faults';
import type { Holding } from '../holding';
import type { KeyRing } from '../key-ring';
import type { SigningKey } from '../material';
import { applyAbnormalRefund } from './abnormal-refund';
import { refusal, send, type Answer, type Signing } from './answer';
import { downloadBill, getFundFlowBill, getTradeBill } from './bills';
import { listCertificates } from './certificates';
import { closeOrder } from './close-order';
import type { ApiContext, Operation } from './operation';
import { appPrepay, h5Prepay, jsapiPrepay, nativePrepay } from './prepay';
import { queryByOutTradeNo, queryByTransactionId } from './query-order';
import { createRefund, queryRefund } from './refund';

const OPERATIONS: readonly Operation[] = [
  ...[nativePrepay, jsapiPrepay, h5Prepay, appPrepay],
  ...[queryByOutTradeNo, queryByTransactionId, closeOrder],
  ...[createRefund, queryRefund, applyAbnormalRefund],
  ...[getTradeBill, getFundFlowBill, downloadBill],
  listCertificates,
];

const REQUEST_BYTES_MAX = 1_048_576;

interface ApiDependencies extends ApiContext {
  readonly authorizer: Authorizer;
  readonly faults: Faults;
  readonly holding: Holding;
  readonly reportBug: (error: unknown) => void;
}

/** The merchant's API: verifies every request before looking at what it wants, and signs what it answers. */
export function apiRouter(dependencies: ApiDependencies): Router {
  const router = Router({ caseSensitive: true, strict: true });
  router.use(raw({ type: () => true, limit: REQUEST_BYTES_MAX, inflate: false }));
  router.use(verifyRequest(dependencies));
  for (const operation of OPERATIONS) {
    router[operation.method](operation.path, (req, res) => perform(operation, dependencies, req, res));
  }
  router.use(() => {
    throw new ApiError(404, 'RESOURCE_NOT_EXISTS', '请求的资源不存在', INTERNAL_UNPUBLISHED);
  });
  router.use(answerError(dependencies));
  return router;
}

function verifyRequest({ authorizer }: ApiDependencies): RequestHandler {
  return (req, _res, next) => {
    if (!req.get('user-agent') || !acceptsJson(req)) {
      const issue = 'Http头缺少Accept或User-Agent';
      throw paramError({ location: 'header', field: req.get('user-agent') ? 'Accept' : 'User-Agent', issue });
    }
    const authorization = req.get('authorization');
    authorizer.verify({ method: req.method, url: req.originalUrl, authorization, body: rawBody(req) });
    if (req.method === 'POST' && !req.is('application/json')) {
      const value = req.get('content-type');
      throw paramError({ location: 'header', field: 'Content-Type', value, issue: '应为 application/json' });
    }
    next();
  };
}

async function perform(operation: Operation, deps: ApiDependencies, req: Request, res: Response): Promise<void> {
  const key = deps.keys.answerKey(req.get('wechatpay-serial'));
  const fault = deps.faults.takeForCall(req.path);
  // The connection may break meanwhile: a request on its way arrives all the same.
  if (fault?.name === 'hold-before') await deps.holding.hold(fault.delayMs);
  const early = fault === undefined ? undefined : answerBeforeEffect(fault);
  if (early === 'drop') return drop(res);
  if (early !== undefined) return send(res, early, signingOfFailure(early), key, deps.clock);
  const answer = attempt(operation, deps, req);
  switch (fault?.name) {
    case 'drop-after':
      return drop(res);
    case '500-after':
      return send(res, SYSTEM_ERROR, 'unsigned', key, deps.clock);
    case 'slow':
      // The effect is already booked, so a caller that gave up must ask what became of it.
      await delay(fault.delayMs, undefined, { ref: false });
      return send(res, answer, 'signed', key, deps.clock);
    default:
      return send(res, answer, signingUnder(fault), key, deps.clock);
  }
}

/** A refusal is an outcome too: a fault after the effect hides it just as it hides a success. */
function attempt(operation: Operation, deps: ApiDependencies, req: Request): Answer {
  const query = new URL(req.originalUrl, 'http://localhost').searchParams;
  try {
    const pathParameters = req.params as Record<string, string>;
    const origin = `http://${req.get('host') ?? 'localhost'}`;
    const call = { pathParameters, query, body: rawBody(req), origin, serial: req.get('wechatpay-serial') };
    return { ...operation.perform(deps, call), code: 'OK', internalNumber: 0 };
  } catch (error) {
    if (error instanceof ApiError) return refusal(error);
    throw error;
  }
}

const SYSTEM_ERROR = refusal(
  new ApiError(500, 'SYSTEM_ERROR', '系统异常，请使用相同参数稍后重新调用', INTERNAL_UNPUBLISHED),
);

function answerBeforeEffect(fault: Fault<ApiFaultName>): Answer | 'drop' | undefined {
  switch (fault.name) {
    case '429':
      return refusal(new ApiError(429, 'FREQUENCY_LIMITED', '频率限制，请降低请求接口频率', 268447840));
    case '500':
      return SYSTEM_ERROR;
    case '202':
      return refusal(new ApiError(202, 'ACCEPTED', '服务器已接受请求，但尚未处理，请使用原参数重复请求一遍', 0));
    case 'html-502':
      return { status: 502, code: 'HTML', internalNumber: 0, body: '<html><h1>502 Bad Gateway</h1></html>' };
    case 'drop':
      return 'drop';
    default:
      return undefined;
  }
}

/** Server errors come from the gateway, which does not sign. */
function signingOfFailure(answer: Answer): Signing {
  return answer.status >= 500 ? 'unsigned' : 'signed';
}

function signingUnder(fault: Fault<ApiFaultName> | undefined): Signing {
  if (fault?.name === 'unsigned') return 'unsigned';
  return fault?.name === 'badsign' ? 'badly-signed' : 'signed';
}

function drop(res: Response): void {
  res.locals['code'] = 'DROPPED';
  res.destroy();
}

function answerError({ keys, clock, reportBug }: ApiDependencies): ErrorRequestHandler {
  return (error: unknown, req: Request, res: Response, _next) => {
    const known = asApiError(error);
    if (known === undefined) reportBug(error);
    const answer = known === undefined ? SYSTEM_ERROR : refusal(known);
    send(res, answer, signingOfFailure(answer), keyOrFallback(keys, req.get('wechatpay-serial')), clock);
  };
}

/** Also what express itself refuses with a 4xx: a path that cannot be percent-decoded, a body that is too large. */
function asApiError(error: unknown): ApiError | undefined {
  if (error instanceof ApiError) return error;
  const status = error instanceof Error && 'status' in error ? error.status : undefined;
  if (typeof status !== 'number' || status < 400 || status >= 500) return undefined;
  if (error instanceof URIError) return paramError({ location: 'url', field: 'path', issue: '请求路径不正确' });
  return paramError({ location: 'body', field: '/', issue: '请求体无法读取或过大' });
}

function keyOrFallback(keys: KeyRing, requestedSerial: string | undefined): SigningKey {
  try {
    return keys.answerKey(requestedSerial);
  } catch {
    return keys.fallbackKey();
  }
}

function acceptsJson(req: Request): boolean {
  return Boolean(req.get('accept')) && req.accepts('application/json') !== false;
}

function rawBody(req: Request): Buffer {
  return Buffer.isBuffer(req.body) ? req.body : Buffer.alloc(0);
}
