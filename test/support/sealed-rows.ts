import type { FieldCipher } from '../../src/platform/crypto/field-cipher';
import { keyIdOf } from '../../src/platform/crypto/field-cipher';
import type { TestDatabase } from './database';

/** Every column of sealed values, written out apart from the code. */
export const SEALED = [
  { table: 'order_payers', column: 'sealed_payer', primaryKey: 'order_id' },
  { table: 'wechatpay_notification_bodies', column: 'sealed_body', primaryKey: 'id' },
] as const;

/** A sealed value, opened. */
export interface OpenedValue {
  readonly place: string;
  readonly keyId: string;
  readonly text: string;
}

/** Every sealed value of a database, opened by a cipher; throws for one that does not open, or names another key than its column. */
export async function openEverything(db: TestDatabase, cipher: FieldCipher): Promise<readonly OpenedValue[]> {
  const opened: OpenedValue[] = [];
  for (const { table, column, primaryKey } of SEALED) {
    const rows = await db.query(`SELECT ${primaryKey} AS id, ${column} AS sealed, sealed_key FROM ${table} ORDER BY 1`);
    for (const row of rows) {
      const [id, sealed] = [String(row['id']), row['sealed'] as Buffer];
      const keyId = keyIdOf(sealed);
      if ((row['sealed_key'] as Buffer).toString() !== keyId) throw new Error(`${table} ${id} names another key`);
      opened.push({ place: `${table} ${id}`, keyId, text: cipher.decrypt(sealed, { table, column, primaryKey: id }) });
    }
  }
  return opened;
}

/** Puts payers of orders that are not there into a database, many at a time: what a rotation has to do. */
export async function insertPayers(
  db: TestDatabase,
  cipher: FieldCipher,
  prefix: string,
  count: number,
): Promise<void> {
  const [table, column] = ['order_payers', 'sealed_payer'];
  for (let from = 0; from < count; from += 500) {
    const ids = Array.from(
      { length: Math.min(500, count - from) },
      (_, i) => `${prefix}${String(from + i).padStart(6, '0')}`,
    );
    const values = ids.flatMap((id) => [id, cipher.encrypt(`payer of ${id}`, { table, column, primaryKey: id })]);
    const rows = ids.map(() => "(?, ?, '2026-01-01')").join(', ');
    await db.query(`INSERT INTO order_payers (order_id, sealed_payer, create_time) VALUES ${rows}`, values);
  }
}
