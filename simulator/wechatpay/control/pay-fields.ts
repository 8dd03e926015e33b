import { CORRUPTIONS } from '../corruption';
import type { SerialMode } from '../material';
import type { Telling } from '../notifier';
import { PAY_SIGN_FIELD, type PaySign } from './pay-sign';
import { flag, integer, required, text, type Fields } from '../schema';

const SERIAL_MODES: readonly SerialMode[] = ['public-key', 'platform'];

/** How a notification is told; shared by payments and refunds. */
export const TELLING_FIELDS: Fields = {
  duplicates: integer({ min: 1, max: 1_000 }),
  delay_ms: integer({ min: 0, max: 86_400_000 }),
  drop: flag,
  corrupt: text(32, { oneOf: CORRUPTIONS }),
  retry: flag,
  serial_mode: text(32, { oneOf: SERIAL_MODES }),
};

/** The body of POST /_control/pay. README.md says what each field does. */
export interface PayRequest extends Telling {
  readonly order_id: string;
  readonly amount?: number;
  readonly discount?: number;
  readonly discount_type?: 'CASH' | 'NOCASH';
  readonly openid?: string;
  readonly code_url?: string;
  readonly prepay_id?: string;
  readonly h5_url?: string;
  readonly pay_sign?: PaySign;
  readonly mchid?: string;
  readonly appid?: string;
  readonly currency?: string;
  readonly out_trade_no?: string;
}

export const PAY_FIELDS: Fields = {
  order_id: required(text(64)),
  amount: integer({ min: 0 }),
  discount: integer({ min: 1 }),
  discount_type: text(8, { oneOf: ['CASH', 'NOCASH'] }),
  ...TELLING_FIELDS,
  openid: text(128),
  code_url: text(512),
  prepay_id: text(64),
  h5_url: text(512),
  pay_sign: PAY_SIGN_FIELD,
  mchid: text(64),
  appid: text(64),
  currency: text(16),
  out_trade_no: text(64),
};
