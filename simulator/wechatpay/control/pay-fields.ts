import { CORRUPTIONS, type Corruption } from '../corruption';
import type { SerialMode } from '../material';
import { flag, integer, required, text, type Fields } from '../schema';

const SERIAL_MODES: readonly SerialMode[] = ['public-key', 'platform'];

/** The body of POST /_control/pay. README.md says what each field does. */
export interface PayRequest {
  readonly order_id: string;
  readonly amount?: number;
  readonly duplicates?: number;
  readonly delay_ms?: number;
  readonly drop?: boolean;
  readonly corrupt?: Corruption;
  readonly retry?: boolean;
  readonly serial_mode?: SerialMode;
  readonly openid?: string;
  readonly code_url?: string;
  readonly mchid?: string;
  readonly appid?: string;
  readonly currency?: string;
  readonly out_trade_no?: string;
}

export const PAY_FIELDS: Fields = {
  order_id: required(text(64)),
  amount: integer({ min: 0 }),
  duplicates: integer({ min: 1, max: 1_000 }),
  delay_ms: integer({ min: 0, max: 86_400_000 }),
  drop: flag,
  corrupt: text(32, { oneOf: CORRUPTIONS }),
  retry: flag,
  serial_mode: text(32, { oneOf: SERIAL_MODES }),
  openid: text(128),
  code_url: text(512),
  mchid: text(64),
  appid: text(64),
  currency: text(16),
  out_trade_no: text(64),
};
