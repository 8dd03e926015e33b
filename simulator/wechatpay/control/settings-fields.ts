import { notifyUrlIssue } from '../api/prepay-fields';
import { KEY_MODES, type KeyMode, type Settings } from '../settings';
import type { RefundStatus } from '../refund';
import { flag, integer, required, text, type Fields } from '../schema';

/** POST /_control/refunds: how refunds end, and where the portal says they are told. */
export const REFUND_SETTINGS_FIELDS: Fields = {
  outcome: text(16, { oneOf: ['SUCCESS', 'PROCESSING', 'CLOSED', 'ABNORMAL'] }),
  delay_ms: integer({ min: 0, max: 86_400_000 }),
  notify_url: text(256, { check: portalAddressIssue }),
};

export interface RefundSettingsRequest {
  readonly outcome?: RefundStatus;
  readonly delay_ms?: number;
  readonly notify_url?: string;
}

export function withRefundSettings(settings: Settings, wanted: RefundSettingsRequest): Settings {
  return {
    ...settings,
    refundOutcome: wanted.outcome ?? settings.refundOutcome,
    refundDelayMs: wanted.delay_ms ?? settings.refundDelayMs,
    refundNotifyUrl: wanted.notify_url ?? settings.refundNotifyUrl,
  };
}

function portalAddressIssue(value: string): string | undefined {
  return value === 'derived' || value === 'none' ? undefined : notifyUrlIssue(value);
}

/** POST /_control/keys: which keys the merchant deals with. */
export const KEY_SETTINGS_FIELDS: Fields = {
  mode: text(16, { oneOf: KEY_MODES }),
  callback_public_key_percent: integer({ min: 0, max: 100 }),
};

export interface KeySettingsRequest {
  readonly mode?: KeyMode;
  readonly callback_public_key_percent?: number;
}

export function withKeySettings(settings: Settings, wanted: KeySettingsRequest): Settings {
  return {
    ...settings,
    keyMode: wanted.mode ?? settings.keyMode,
    callbackPublicKeyPercent: wanted.callback_public_key_percent ?? settings.callbackPublicKeyPercent,
  };
}

export const CALLBACK_SETTINGS_FIELDS: Fields = { enabled: required(flag) };
export const BALANCE_FIELDS: Fields = { amount: required(integer({ min: 0 })) };
