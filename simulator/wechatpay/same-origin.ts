import type { Request, RequestHandler } from 'express';
import { ApiError } from './api-error';

/** A name that only leads to this machine: a page that rebinds its own name to 127.0.0.1 does not have one. */
const LOOPBACK_HOST = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/;

/** Programs send no Origin; a browser sends one with every POST of a page, which must then be ours. */
export const refuseForeignPages: RequestHandler = (req, _res, next) => {
  if (req.get('origin') === undefined || isOurPage(req)) return next();
  throw new ApiError(403, 'FOREIGN_PAGE', 'A page of another origin can not do this.', 0);
};

/** Whether a page of this very server sent the request. */
export function isOurPage(req: Request): boolean {
  const host = req.get('host') ?? '';
  return LOOPBACK_HOST.test(host) && req.get('origin') === `http://${host}`;
}
