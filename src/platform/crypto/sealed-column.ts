import type { FieldPlace } from './field-cipher';

/**
 * A column of sealed values, as its domain describes it: what reads and writes it, and what seals it anew, agree on where
 * a value lives. Beside it the table has `sealed_key`, the id of the key, which the database takes from the value itself.
 */
export interface SealedColumn {
  readonly table: string;
  readonly column: string;
  /** The column of the primary key: one of text. */
  readonly primaryKey: string;
}

/** Where the value of a row lives. */
export function placeIn({ table, column }: SealedColumn, primaryKey: string): FieldPlace {
  return { table, column, primaryKey };
}

/** `table.column`, for people and for rows that tell of a column. */
export function columnName({ table, column }: SealedColumn): string {
  return `${table}.${column}`;
}
