import { integer, list, object, required, text, type Fields } from '../schema';
import { notifyUrlIssue, OUT_TRADE_NO } from './prepay-fields';

/** Shape of an out_refund_no. */
export const OUT_REFUND_NO = /^[0-9A-Za-z_\-|*@]{1,64}$/;

/** The fields of a refund; exactly one of transaction_id and out_trade_no is given. */
export const REFUND_FIELDS: Fields = {
  transaction_id: text(32, { pattern: /^\d+$/ }),
  out_trade_no: text(32, { pattern: OUT_TRADE_NO }),
  out_refund_no: required(text(64, { pattern: OUT_REFUND_NO })),
  reason: text(80),
  notify_url: text(256, { check: notifyUrlIssue }),
  funds_account: text(32, { oneOf: ['AVAILABLE', 'UNSETTLED'] }),
  amount: required(
    object({
      refund: required(integer({ min: 1 })),
      total: required(integer({ min: 1 })),
      currency: required(text(16, { oneOf: ['CNY'] })),
      from: list(
        object({
          account: required(text(32, { oneOf: ['AVAILABLE', 'UNAVAILABLE'] })),
          amount: required(integer({ min: 1 })),
        }),
      ),
    }),
  ),
  goods_detail: list(
    object({
      merchant_goods_id: required(text(32)),
      wechatpay_goods_id: text(32),
      goods_name: text(256),
      unit_price: required(integer()),
      refund_amount: required(integer()),
      refund_quantity: required(integer({ min: 1 })),
    }),
  ),
};

/** The fields of the help for an abnormal refund; the card's are encrypted. */
export const ABNORMAL_REFUND_FIELDS: Fields = {
  out_refund_no: required(text(64, { pattern: OUT_REFUND_NO })),
  type: required(text(32, { oneOf: ['USER_BANK_CARD', 'MERCHANT_BANK_CARD'] })),
  bank_type: text(16),
  bank_account: text(1_024),
  real_name: text(1_024),
};
