import type { Response } from 'express';
import type { Clock } from '../../../src/platform/clock';
import type { ApiError } from '../api-error';
import { newRequestId } from '../identifiers';
import type { SigningKey } from '../material';
import { signatureHeaders, spoiledSignature } from '../signature';
import type { FileContent } from './operation';

/** An answer before it is signed; `code` is what the log shows. */
export interface Answer {
  readonly status: number;
  readonly code: string;
  readonly internalNumber: number;
  readonly body: object | string | undefined;
  /** Instead of a body; never signed. */
  readonly file?: FileContent;
}

export type Signing = 'signed' | 'unsigned' | 'badly-signed';

/** The answer that words a refusal. */
export function refusal(error: ApiError): Answer {
  const { status, code, message, detail, internalNumber } = error;
  return { status, code, internalNumber, body: { code, message, ...(detail === undefined ? {} : { detail }) } };
}

/** Sends the exact bytes that were signed. */
export function send(res: Response, answer: Answer, signing: Signing, key: SigningKey, clock: Clock): void {
  res.locals['code'] = answer.code;
  res.status(answer.status).set('Request-ID', newRequestId(answer.internalNumber));
  if (answer.file !== undefined) {
    res.set('Content-Type', answer.file.contentType);
    return void res.end(signing === 'badly-signed' ? spoiledFile(answer.file.bytes) : answer.file.bytes);
  }
  const body = bodyBytes(answer.body);
  if (signing !== 'unsigned') {
    const headers = signatureHeaders(key, body, clock.now());
    const signature = headers['Wechatpay-Signature'];
    if (signing === 'badly-signed') headers['Wechatpay-Signature'] = spoiledSignature(signature);
    res.set({ ...headers });
  }
  if (answer.body === undefined) return void res.end();
  res.set('Content-Type', typeof answer.body === 'string' ? 'text/html' : 'application/json; charset=utf-8');
  res.end(body);
}

function bodyBytes(body: Answer['body']): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

/** What has no signature is spoilt by one bit of its end, so that its hash is wrong. */
function spoiledFile(bytes: Buffer): Buffer {
  const spoiled = Buffer.from(bytes);
  spoiled.writeUInt8(spoiled.readUInt8(spoiled.length - 1) ^ 1, spoiled.length - 1);
  return spoiled;
}
