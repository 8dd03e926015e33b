import type { Knex } from 'knex';
import { PAYER_COLUMN } from '../order';
import { BODY_COLUMN } from '../payment';
import { columnName, type SealedColumn } from '../platform/crypto/sealed-column';
import { sha256 } from '../platform/crypto/sha256';
import { literal } from '../platform/db/sql-text';

/** Which keys seal what: by the column `sealed_key`, which the database takes from each value, and its index. */

/** Every column of sealed values there is. A test compares them with the schema. */
export const SEALED_COLUMNS: readonly SealedColumn[] = [PAYER_COLUMN, BODY_COLUMN];

/** Counts go no further: a person needs no more, and an answer has a deadline. */
const COUNTED_MAX = 1_000_000;

/** Keys that seal at least one value of a column, by id. Jumps from key to key, however many values there are. */
export async function keysInUse(reader: Knex, { table }: SealedColumn): Promise<readonly string[]> {
  const found: string[] = [];
  const next = `SELECT MIN(sealed_key) AS id FROM ${table}`;
  let [[row]] = (await reader.raw(next)) as [{ id: Buffer | null }[]];
  while (row !== undefined && row.id !== null) {
    found.push(row.id.toString('latin1'));
    [[row]] = (await reader.raw(`${next} WHERE sealed_key > ?`, [row.id])) as [{ id: Buffer | null }[]];
  }
  return found;
}

async function countWhere(reader: Knex, sql: string, keyId: string, most: number): Promise<number> {
  const limited = `SELECT COUNT(*) AS n FROM (SELECT 1 FROM ${sql} LIMIT ${most}) x`;
  const [[row]] = (await reader.raw(limited, [Buffer.from(keyId, 'latin1')])) as [{ n: number }[]];
  return Number(row?.n);
}

/** Values of a column that a key seals, up to a million. */
function countUnder(reader: Knex, { table }: SealedColumn, keyId: string): Promise<number> {
  return countWhere(reader, `${table} WHERE sealed_key = ?`, keyId, COUNTED_MAX);
}

/** Values of a column that another key seals, up to `most`. */
export function countUnderOthers(
  reader: Knex,
  { table }: SealedColumn,
  keyId: string,
  most = COUNTED_MAX,
): Promise<number> {
  return countWhere(reader, `${table} WHERE sealed_key <> ?`, keyId, most);
}

/** Values of all columns that a key seals, each column counted up to a million: 0 means that nothing needs the key. */
export async function countSealedBy(reader: Knex, keyId: string): Promise<number> {
  let values = 0;
  for (const column of SEALED_COLUMNS) values += await countUnder(reader, column, keyId);
  return values;
}

/** How much one key seals. */
export interface KeyUse {
  readonly keyId: string;
  readonly columns: readonly { readonly column: string; readonly values: number }[];
}

/** What each key in use seals, and those of `others` that seal nothing, in that order. */
export async function readKeyUses(reader: Knex, others: readonly string[]): Promise<readonly KeyUse[]> {
  const uses = new Map<string, { column: string; values: number }[]>(others.map((keyId) => [keyId, []]));
  for (const column of SEALED_COLUMNS) {
    for (const keyId of await keysInUse(reader, column)) {
      const values = await countUnder(reader, column, keyId);
      uses.set(keyId, [...(uses.get(keyId) ?? []), { column: columnName(column), values }]);
    }
  }
  return [...uses].map(([keyId, columns]) => ({ keyId, columns }));
}

/** A sealed value and its row. */
export interface SealedValue {
  readonly id: string;
  readonly keyId: string;
  readonly sealed: Buffer;
}

/** Values that another key than `keyId` seals, in the order of the index, after one of them. */
export async function readUnderOthers(
  reader: Knex,
  { table, column, primaryKey }: SealedColumn,
  keyId: string,
  after: { readonly keyId: string; readonly id: string; readonly most: number },
): Promise<readonly SealedValue[]> {
  const [rows] = (await reader.raw(
    `SELECT ${primaryKey} AS id, sealed_key AS keyId, ${column} AS sealed FROM ${table}
     WHERE sealed_key <> ? AND (sealed_key > ? OR (sealed_key = ? AND ${primaryKey} > ?))
     ORDER BY sealed_key, ${primaryKey} LIMIT ?`,
    [bytes(keyId), bytes(after.keyId), bytes(after.keyId), after.id, after.most],
  )) as [readonly { readonly id: string; readonly keyId: Buffer; readonly sealed: Buffer }[]];
  return rows.map((row) => ({ ...row, keyId: row.keyId.toString('latin1') }));
}

const bytes = (keyId: string): Buffer => Buffer.from(keyId, 'latin1');

/** The newest values of a column that a key seals. */
export async function readNewestUnder(
  reader: Knex,
  { table, column, primaryKey }: SealedColumn,
  keyId: string,
  most: number,
): Promise<readonly Omit<SealedValue, 'keyId'>[]> {
  const [rows] = (await reader.raw(
    `SELECT ${primaryKey} AS id, ${column} AS sealed FROM ${table} WHERE sealed_key = ? ORDER BY ${primaryKey} DESC LIMIT ?`,
    [bytes(keyId), most],
  )) as [readonly Omit<SealedValue, 'keyId'>[]];
  return rows;
}

/** A value sealed anew. */
export interface Replacement {
  readonly value: SealedValue;
  readonly sealed: Buffer;
}

/** One statement holds no more than this, as far as it holds more than one value: servers bound what they take. */
const STATEMENT_BYTES_MAX = 1_048_576;

/**
 * Puts values in the place of others, each only where the very bytes that were read still are; returns how many. In few
 * statements, because a batch must be over in time on a machine that has much else to do.
 */
export async function replaceSealed(
  tx: Knex,
  { table, column, primaryKey }: SealedColumn,
  replacements: readonly Replacement[],
): Promise<number> {
  let replaced = 0;
  for (const some of inStatements(replacements)) {
    const rows = some.map(({ value: { id, sealed: old }, sealed }) => {
      const hash = sha256(old).toString('hex');
      return `SELECT _ascii${literal(id)} COLLATE ascii_bin AS id, ${literal(hash)} AS hash, ${literal(sealed)} AS sealed`;
    });
    const [result] = (await tx.raw(
      `UPDATE ${table} t JOIN (${rows.join(' UNION ALL ')}) v ON v.id = t.${primaryKey}
       SET t.${column} = v.sealed WHERE SHA2(t.${column}, 256) = v.hash`,
    )) as [{ affectedRows: number }];
    replaced += result.affectedRows;
  }
  return replaced;
}

function inStatements(replacements: readonly Replacement[]): readonly (readonly Replacement[])[] {
  const statements: Replacement[][] = [];
  let bytes = STATEMENT_BYTES_MAX;
  for (const replacement of replacements) {
    const { length } = replacement.sealed;
    if (bytes + length > STATEMENT_BYTES_MAX) {
      statements.push([]);
      bytes = 0;
    }
    statements.at(-1)?.push(replacement);
    bytes += length;
  }
  return statements;
}
