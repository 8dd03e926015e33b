import { fromEpochMs } from '../../platform/time';

/** Rows of an archive as its lines hold them, and their values taken back. Pure. */

export type JsonRow = Readonly<Record<string, unknown>>;

/** The rows of a file; undefined where a line is no row. */
export function parseRows(content: Buffer): readonly JsonRow[] | undefined {
  const rows: JsonRow[] = [];
  try {
    for (const line of content.toString('utf8').split('\n')) {
      if (line === '') continue;
      const row: unknown = JSON.parse(line);
      if (typeof row !== 'object' || row === null || Array.isArray(row)) return undefined;
      rows.push(row as JsonRow);
    }
  } catch {
    return undefined;
  }
  return rows;
}

/** A text column; empty where it is none, which no hash then fits. */
export function text(row: JsonRow, column: string): string {
  const value = row[column];
  return typeof value === 'string' ? value : '';
}

export function textOrNull(row: JsonRow, column: string): string | null {
  return row[column] === null || row[column] === undefined ? null : text(row, column);
}

/** A whole number; NaN where it is none, which no check accepts. */
export function number(row: JsonRow, column: string): number {
  const value = row[column];
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : Number.NaN;
}

export function bytes(row: JsonRow, column: string): Buffer {
  return Buffer.from(text(row, column), 'hex');
}

/** An instant; the beginning of 1970 where it is none, which no hash then fits. */
export function instant(row: JsonRow, column: string): Date {
  const epochMs = Date.parse(text(row, column));
  return fromEpochMs(Number.isNaN(epochMs) ? 0 : epochMs);
}
