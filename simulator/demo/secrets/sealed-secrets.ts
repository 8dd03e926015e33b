import { createFieldCipher } from '../../../src/platform/crypto/field-cipher';
import { parseDataKeys } from '../../../src/platform/data-keys-setting';
import type { Row } from '../database';
import { toldSecrets, type Secret } from './leaks';

/** How many of the newest rows are opened: those of a stack that has run for weeks are too many to look for. */
const ROWS_MAX = 500;

/** What lies sealed in the database: payers, and what WeChat Pay told with its signatures. */
export async function sealedSecrets(
  read: (sql: string) => Promise<readonly Row[]>,
  dataKeys: string,
): Promise<Secret[]> {
  const cipher = createFieldCipher(parseDataKeys(dataKeys));
  const newestOf = async (table: string, column: string, key: string): Promise<string[]> => {
    const rows = await read(`SELECT ${key}, ${column} FROM ${table} ORDER BY ${key} DESC LIMIT ${ROWS_MAX}`);
    return rows.map((row) => cipher.decrypt(row[column] as Buffer, { table, column, primaryKey: String(row[key]) }));
  };
  const payers = await newestOf('order_payers', 'sealed_payer', 'order_id');
  const bodies = await newestOf('wechatpay_notification_bodies', 'sealed_body', 'id');
  const secrets = [...payers.map((text) => ({ what: 'payer', text })), ...bodies.flatMap(toldSecrets)];
  // Who was erased is nobody.
  return secrets.filter(({ text }) => text !== '');
}
