import { verify } from 'node:crypto';
import type { Clock } from '../../src/platform/clock';
import { ApiError } from './api-error';
import type { Material } from './material';
import { unixSeconds } from './time';

/** A request exactly as it arrived: the raw target with its query, the raw bytes of its body. */
interface SignedRequest {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly body: Buffer;
}

const SCHEME = 'WECHATPAY2-SHA256-RSA2048';
const ITEM_NAMES = ['mchid', 'nonce_str', 'timestamp', 'serial_no', 'signature'] as const;
type Items = Record<(typeof ITEM_NAMES)[number], string>;

const ITEM_LIST = /^[a-z_]+="[^"]*"(?:,[a-z_]+="[^"]*")*$/;
const NONCE = /^[\x21-\x7e]{1,128}$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const SKEW_SECONDS_MAX = 300;
const SHOWN_CHARACTERS_MAX = 128;
const INTERNAL_BAD_SIGNATURE = 268443699;

/**
 * Decides whether a request was signed by the merchant just now. Nonces seen within the allowed age are remembered, so
 * that a recorded request cannot be sent again.
 */
export class Authorizer {
  private readonly nonceTimestamps = new Map<string, number>();

  constructor(
    private readonly material: Material,
    private readonly clock: Clock,
  ) {}

  /** @throws ApiError 401 SIGN_ERROR naming the item that is wrong. */
  verify(request: SignedRequest): void {
    const items = parseItems(request.authorization);
    if (items.mchid !== this.material.mchid) throw signError('mchid', 'mchid unknown', '商户号有误');
    if (items.serial_no !== this.material.merchantSerial) {
      throw signError('serial_no', 'serial_no unknown', '商户证书序列号有误。请使用签名私钥匹配的证书序列号');
    }
    const nowSeconds = unixSeconds(this.clock.now());
    this.checkTimestamp(items.timestamp, nowSeconds);
    this.checkSignature(request, items);
    this.spendNonce(items, nowSeconds);
  }

  private checkTimestamp(timestamp: string, nowSeconds: number): void {
    if (/^\d{10}$/.test(timestamp) && Math.abs(nowSeconds - Number(timestamp)) <= SKEW_SECONDS_MAX) return;
    const message = 'Http头Authorization中的timestamp与发起请求的时间不得超过5分钟';
    throw signError('timestamp', 'timestamp out of range', message);
  }

  private checkSignature(request: SignedRequest, items: Items): void {
    const head = `${request.method}\n${request.url}\n${items.timestamp}\n${items.nonce_str}\n`;
    const message = Buffer.concat([Buffer.from(head), request.body, Buffer.from('\n')]);
    const isWellFormed = BASE64.test(items.signature);
    const signature = Buffer.from(items.signature, 'base64');
    if (isWellFormed && verify('RSA-SHA256', message, this.material.merchantPublicKey, signature)) return;
    throw signError('signature', 'sign not match', '错误的签名，验签失败', {
      method: request.method,
      url: request.url,
      truncated_sign_message: message.toString('utf8').slice(0, SHOWN_CHARACTERS_MAX),
      sign_message_length: message.length,
    });
  }

  /** Called last: only a verified request may spend a nonce, or anyone could block the merchant's. */
  private spendNonce(items: Items, nowSeconds: number): void {
    for (const [nonce, seconds] of this.nonceTimestamps) {
      if (Math.abs(nowSeconds - seconds) <= SKEW_SECONDS_MAX) break;
      this.nonceTimestamps.delete(nonce);
    }
    if (this.nonceTimestamps.has(items.nonce_str)) {
      throw signError('nonce_str', 'nonce_str has been used', '随机串重复，请求已被处理');
    }
    this.nonceTimestamps.set(items.nonce_str, Number(items.timestamp));
  }
}

function parseItems(authorization: string | undefined): Items {
  if (authorization === undefined) throw signError('Authorization', 'missing', 'Http头缺少Authorization');
  const space = authorization.indexOf(' ');
  const [scheme, itemList] = [authorization.slice(0, space), authorization.slice(space + 1)];
  const formatMessage = 'Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》';
  if (scheme !== SCHEME) throw signError('Authorization', 'scheme unknown', formatMessage);
  if (!ITEM_LIST.test(itemList)) throw signError('Authorization', 'malformed', formatMessage);
  const items = new Map<string, string>();
  for (const [, name = '', value = ''] of itemList.matchAll(/([a-z_]+)="([^"]*)"/g)) {
    if (items.has(name)) throw signError(name, 'repeated', formatMessage);
    items.set(name, value);
  }
  for (const name of ITEM_NAMES) {
    if (!items.get(name)) throw signError(name, 'missing', formatMessage);
  }
  if (items.size !== ITEM_NAMES.length) throw signError('Authorization', 'unknown item', formatMessage);
  if (!NONCE.test(items.get('nonce_str') ?? '')) throw signError('nonce_str', 'malformed', formatMessage);
  return Object.fromEntries(items) as Items;
}

function signError(field: string, issue: string, message: string, signInformation?: object): ApiError {
  const detail = { detail: { issue }, field, location: 'authorization' };
  const information = signInformation === undefined ? {} : { sign_information: signInformation };
  return new ApiError(401, 'SIGN_ERROR', message, INTERNAL_BAD_SIGNATURE, { ...detail, ...information });
}
