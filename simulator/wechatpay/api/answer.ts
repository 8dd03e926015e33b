import type { Response } from 'express';
import type { Clock } from '../../../src/platform/clock';
import { type ApiError, paramError } from '../api-error';
import { newRequestId } from '../identifiers';
import type { Material, SigningKey } from '../material';
import { signatureHeaders, spoiledSignature } from '../signature';

/** An answer before it is signed; `code` is what the log shows. */
export interface Answer {
  readonly status: number;
  readonly code: string;
  readonly internalNumber: number;
  readonly body: object | string | undefined;
}

export type Signing = 'signed' | 'unsigned' | 'badly-signed';

/** The answer that words a refusal. */
export function refusal(error: ApiError): Answer {
  const { status, code, message, detail, internalNumber } = error;
  return { status, code, internalNumber, body: { code, message, ...(detail === undefined ? {} : { detail }) } };
}

/**
 * The key that signs the answer: the one that the request's Wechatpay-Serial names; the platform certificate when the
 * header is absent.
 * @throws ApiError PARAM_ERROR when no key has that name.
 */
export function answerKey(material: Material, requestedSerial: string | undefined): SigningKey {
  const { platform, 'public-key': publicKey } = material.signingKeys;
  if (requestedSerial === undefined || requestedSerial === platform.serial) return platform;
  if (requestedSerial === publicKey.serial) return publicKey;
  const issue = '平台证书序列号或微信支付公钥ID不存在';
  throw paramError({ location: 'header', field: 'Wechatpay-Serial', value: requestedSerial, issue });
}

/** Sends the exact bytes that were signed. */
export function send(res: Response, answer: Answer, signing: Signing, key: SigningKey, clock: Clock): void {
  res.locals['code'] = answer.code;
  res.status(answer.status).set('Request-ID', newRequestId(answer.internalNumber));
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
