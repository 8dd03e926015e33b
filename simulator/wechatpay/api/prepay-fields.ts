import { isIP } from 'node:net';
import { flag, integer, list, object, required, text, type Fields } from '../schema';

/** Shape of an out_trade_no: 6 to 32 of these characters. */
export const OUT_TRADE_NO = /^[0-9A-Za-z_\-|*]{6,32}$/;
const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:Z|[+-]\d{2}:\d{2})$/;

const STORE_INFO = object({ id: required(text(32)), name: text(256), area_code: text(32), address: text(512) });

/** The fields of Native and app payment, which all products' prepay share. */
export const PREPAY_FIELDS: Fields = {
  appid: required(text(32)),
  mchid: required(text(32)),
  // Current documents count characters, older ones bytes: the narrower reading keeps a merchant safe under both.
  description: required(text(127, { bytesMax: 127 })),
  out_trade_no: required(text(32, { pattern: OUT_TRADE_NO })),
  time_expire: text(64, { pattern: RFC3339, check: timeIssue }),
  attach: text(128),
  notify_url: required(text(255, { check: notifyUrlIssue })),
  goods_tag: text(32),
  support_fapiao: flag,
  amount: required(object({ total: required(integer({ min: 1 })), currency: text(16, { oneOf: ['CNY'] }) })),
  detail: object(
    {
      cost_price: integer(),
      invoice_id: text(32),
      goods_detail: list(
        object({
          merchant_goods_id: required(text(32)),
          wechatpay_goods_id: text(32),
          goods_name: text(256),
          quantity: required(integer({ min: 1 })),
          unit_price: required(integer()),
        }),
      ),
    },
    { bytesMax: 6144 },
  ),
  scene_info: object({
    payer_client_ip: required(text(45)),
    device_id: text(32),
    store_info: STORE_INFO,
  }),
  settle_info: object({ profit_sharing: flag }),
};

/** The payer by the openid that he has under the appid. */
export const JSAPI_PREPAY_FIELDS: Fields = {
  ...PREPAY_FIELDS,
  payer: required(object({ openid: required(text(128)) })),
};

/** The browser that pays. */
export const H5_PREPAY_FIELDS: Fields = {
  ...PREPAY_FIELDS,
  scene_info: required(
    object({
      payer_client_ip: required(text(45, { check: addressIssue })),
      device_id: text(32),
      store_info: STORE_INFO,
      h5_info: required(
        object({
          type: required(text(32, { oneOf: ['iOS', 'Android', 'Wap'] })),
          app_name: text(64),
          app_url: text(128),
          bundle_id: text(128),
          package_name: text(128),
        }),
      ),
    }),
  ),
};

function addressIssue(value: string): string | undefined {
  return isIP(value) === 0 ? '不是有效的 IP 地址' : undefined;
}

function timeIssue(value: string): string | undefined {
  return Number.isNaN(Date.parse(value)) ? '不是有效的时间' : undefined;
}

/** What is wrong with an address for notifications, if anything. */
export function notifyUrlIssue(value: string): string | undefined {
  if (!URL.canParse(value)) return '不是有效的 URL';
  const url = new URL(value);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return '必须为 http(s) 地址';
  if (value.includes('?') || value.includes('#')) return '不能携带参数';
  return url.pathname === '/' ? '必须包含路径' : undefined;
}
