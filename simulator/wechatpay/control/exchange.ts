import type { Request, Response } from 'express';
import { parseBody, type Fields } from '../schema';

/** Fields are checked just before, so the assertion of their type holds. */
export function body<T>(req: Request, fields: Fields): T {
  return parseBody(Buffer.isBuffer(req.body) ? req.body : Buffer.from('{}'), fields) as T;
}

export function answer(res: Response, status: number, content: object): void {
  res.locals['code'] = 'code' in content ? content.code : 'OK';
  res.status(status).json(content);
}
