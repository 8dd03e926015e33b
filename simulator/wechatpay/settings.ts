import type { RefundStatus } from './refund';

/**
 * Which of WeChat Pay's keys the merchant deals with. `both`: the switch from one to the other, each answer signed as the
 * request's Wechatpay-Serial asks; `platform`: before it, when the header is not yet honoured; `public-key`: a merchant
 * that has no platform certificate at all.
 */
export const KEY_MODES = ['both', 'platform', 'public-key'] as const;
export type KeyMode = (typeof KEY_MODES)[number];

/** What the merchant portal and fate are set to. Survives a restart, like all that merchants can observe. */
export interface Settings {
  readonly keyMode: KeyMode;
  /** How many of a hundred notifications the public key signs while there are both. */
  readonly callbackPublicKeyPercent: number;
  readonly areCallbacksEnabled: boolean;
  /** What becomes of a refund by itself; PROCESSING: nothing. */
  readonly refundOutcome: RefundStatus;
  readonly refundDelayMs: number;
  /** The portal's address for refunds: a URL, `derived` from the payment's own, or `none`. */
  readonly refundNotifyUrl: string;
}

export const DEFAULT_SETTINGS: Settings = {
  keyMode: 'both',
  callbackPublicKeyPercent: 100,
  areCallbacksEnabled: true,
  refundOutcome: 'SUCCESS',
  refundDelayMs: 0,
  refundNotifyUrl: 'derived',
};
