/** A table with its summary, before it is a file. */
export interface Bill {
  readonly columns: readonly string[];
  readonly rows: readonly Readonly<Record<string, string>>[];
  readonly summary: readonly (readonly [column: string, value: string])[];
}

const BYTE_ORDER_MARK = '\uFEFF';

/**
 * WeChat Pay's format: UTF-8 with a byte order mark, CRLF, headers bare, every value after a backtick; the last two
 * lines are the summary.
 */
export function billFile({ columns, rows, summary }: Bill): Buffer {
  const lines = [
    columns.join(','),
    ...rows.map((row) => values(columns.map((column) => row[column] ?? ''))),
    summary.map(([column]) => column).join(','),
    values(summary.map(([, value]) => value)),
  ];
  return Buffer.from(`${BYTE_ORDER_MARK}${lines.join('\r\n')}\r\n`);
}

/** A value can hold a comma, but neither a line end nor the backtick that separates. */
function values(row: readonly string[]): string {
  return row.map((value) => `\`${value.replace(/[\r\n`]/g, ' ')}`).join(',');
}
