import assert from 'node:assert';
import type { Knex } from 'knex';
import { createBlindIndex, type BlindIndex } from '../platform/crypto/blind-index';
import type { FieldCipher } from '../platform/crypto/field-cipher';
import { placeIn, type SealedColumn } from '../platform/crypto/sealed-column';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import type { OrderChannel } from './order.model';

/**
 * Who pays an order, where the channel makes WeChat Pay ask: personal data. It lies sealed in a side table, and in no log,
 * audit row, event or error.
 */

interface PayerRow {
  readonly orderId: string;
  readonly sealedPayer: Buffer;
  readonly createTime: Date;
}

/** What the payment channel itself adds to a prepay. */
export type ChannelTerms =
  | { readonly channel: 'native' }
  | { readonly channel: 'app' }
  /** The payer, as our app knows him at WeChat. */
  | { readonly channel: 'jsapi'; readonly openid: string }
  /** The payer's IP address. */
  | { readonly channel: 'h5'; readonly clientIp: string };

const PAYERS = 'order_payers';

/** Where payers lie. */
export const PAYER_COLUMN: SealedColumn = { table: PAYERS, column: 'sealed_payer', primaryKey: 'order_id' };

const placeOf = (orderId: string) => placeIn(PAYER_COLUMN, orderId);

/** What stands in the place of a payer who was erased: no payer is empty. */
const ERASED = '';

/** By what the payers of a repeated request are compared. Its purpose never changes: it is part of the key. */
export function createPayerIndex(key: Buffer): BlindIndex {
  return createBlindIndex(key, 'order_payers');
}

/** Seals the payer of a new order, in the transaction that writes it. */
export async function insertPayer(
  tx: Tx,
  cipher: FieldCipher,
  orderId: string,
  payer: string,
  now: Date,
): Promise<void> {
  const sealedPayer = cipher.encrypt(payer, placeOf(orderId));
  await tx<PayerRow>(PAYERS).insert({ orderId, sealedPayer, createTime: now });
}

/** What the channel adds to the prepay of an order, the same each time that it is repeated. */
export async function readChannelTerms(
  reader: Knex,
  cipher: FieldCipher,
  { id: orderId, channel }: { readonly id: string; readonly channel: OrderChannel },
): Promise<ChannelTerms> {
  if (channel === 'native' || channel === 'app') return { channel };
  const row = await reader<PayerRow>(PAYERS).where({ orderId }).first();
  assert(row !== undefined, `order ${orderId} has no payer`);
  const payer = cipher.decrypt(row.sealedPayer, placeOf(orderId));
  // Nobody is erased while an order waits for payment, and only then is WeChat Pay told.
  assert(payer !== ERASED, `the payer of order ${orderId} was erased`);
  return channel === 'jsapi' ? { channel, openid: payer } : { channel, clientIp: payer };
}

/** Erases the payers of orders, in the transaction of an erasure that is running. Returns how many there were. */
export async function erasePayers(tx: Tx, cipher: FieldCipher, orderIds: readonly string[]): Promise<number> {
  const rows = await tx<PayerRow>(PAYERS)
    .whereIn('orderId', [...orderIds])
    .orderBy('orderId')
    .forUpdate();
  const named = rows.filter(({ orderId, sealedPayer }) => cipher.decrypt(sealedPayer, placeOf(orderId)) !== ERASED);
  for (const { orderId } of named) {
    const sealedPayer = cipher.encrypt(ERASED, placeOf(orderId));
    expectRows(await tx<PayerRow>(PAYERS).where({ orderId }).update({ sealedPayer }), 1, `payer of order ${orderId}`);
  }
  return named.length;
}
