import { constants, privateDecrypt } from 'node:crypto';
import { invalidRequest, paramError, resourceNotExists } from '../api-error';
import type { SigningKey } from '../material';
import { refundStatus } from '../refund';
import { paidOrderOf } from '../refund-desk';
import { refundView } from '../refund-view';
import { parseBody } from '../schema';
import type { ApiAnswer, ApiCall, ApiContext, Operation } from './operation';
import { pathParameter } from './parameters';
import { ABNORMAL_REFUND_FIELDS } from './refund-fields';

/** Sends an abnormal refund to a bank card: the payer's, or the merchant's own. */
export const applyAbnormalRefund: Operation = {
  method: 'post',
  path: '/v3/refund/domestic/refunds/:refund_id/apply-abnormal-refund',
  perform: apply,
};

const CARD_FIELDS = ['bank_type', 'bank_account', 'real_name'] as const;

interface AbnormalRefundParameters extends Partial<Record<(typeof CARD_FIELDS)[number], string>> {
  readonly out_refund_no: string;
  readonly type: 'USER_BANK_CARD' | 'MERCHANT_BANK_CARD';
}

function apply({ books, keys, refunds }: ApiContext, call: ApiCall): ApiAnswer {
  const refundId = pathParameter(call, 'refund_id', /^\d{1,32}$/);
  const parameters = parseBody(call.body, ABNORMAL_REFUND_FIELDS) as unknown as AbnormalRefundParameters;
  const refund = books.refund(parameters.out_refund_no);
  if (refund?.refundId !== refundId) throw resourceNotExists('退款单不存在');
  if (parameters.type === 'USER_BANK_CARD') checkCard(parameters, keys.encryptionKey(call.serial));
  if (refundStatus(refund) !== 'ABNORMAL') throw invalidRequest('退款单状态不是退款异常');
  const helped = refunds.helpAbnormal(refund);
  return { status: 200, body: refundView(helped, paidOrderOf(books, helped)) };
}

/** The card is given, and encrypted for the key that the request's Wechatpay-Serial names. */
function checkCard(parameters: AbnormalRefundParameters, key: SigningKey | undefined): void {
  for (const name of CARD_FIELDS) {
    const value = parameters[name];
    if (value === undefined) throw paramError({ location: 'body', field: `/${name}`, issue: '缺少必填参数' });
    if (name === 'bank_type') continue;
    if (key === undefined || !isReadable(value, key)) {
      throw paramError({ location: 'body', field: `/${name}`, value, issue: '敏感字段解密失败' });
    }
  }
}

/** RSA-OAEP with SHA-1. */
function isReadable(value: string, { privateKey }: SigningKey): boolean {
  const key = { key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' };
  try {
    return privateDecrypt(key, Buffer.from(value, 'base64')).length > 0;
  } catch {
    return false;
  }
}
