import { createFieldCipher, type FieldCipher } from '../../src/platform/crypto/field-cipher';
import { parseDataKeys } from '../../src/platform/data-keys-setting';
import { blanked, fillerOf, type Filled, type Template } from './template';

/**
 * The sealed originals of callbacks, sealed again for every copy: a value opens in its own row alone, and names the order and the
 * transaction of its copy.
 */
export const BODIES = 'wechatpay_notification_bodies';

/** What opens and seals with the keys of the service that played the stories. */
export function cipherOf(dataKeys: string): FieldCipher {
  return createFieldCipher(parseDataKeys(dataKeys));
}

/** One filler for each body of a story; its lines are those that LOAD DATA reads. */
export function bodyFillers(template: Template, cipher: FieldCipher): readonly Filled[] {
  const { columns, rows } = template.tables.get(BODIES) ?? { columns: [], rows: [] };
  const at = (wanted: string): number => columns.findIndex(({ name }) => name === wanted);
  const placeOf = (primaryKey: string) => ({ table: BODIES, column: 'sealed_body', primaryKey });
  return rows.map((row) => {
    const idOf = fillerOf(row[at('id')] ?? '');
    const sealed = Buffer.from(row[at('sealed_body')] ?? '', 'hex');
    const text = fillerOf(blanked(cipher.decrypt(sealed, placeOf(idOf(template.ids))), template.ids));
    const cells = fillerOf(row.map((cell, i) => (i === at('sealed_body') ? '\u0002' : (cell ?? '\\N'))).join('\t'));
    return (values) =>
      cells(values).replace('\u0002', cipher.encrypt(text(values), placeOf(idOf(values))).toString('hex'));
  });
}
