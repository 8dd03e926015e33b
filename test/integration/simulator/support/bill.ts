/** A bill as a merchant reads it, by the names of its columns. */
export interface ReadBill {
  readonly rows: Record<string, string>[];
  readonly summary: Record<string, string>;
}

/** Reads WeChat Pay's format strictly. @throws Error when it is not exactly as documented. */
export function readBill(text: string): ReadBill {
  if (!text.startsWith('\uFEFF') || !text.endsWith('\r\n')) throw new Error('no byte order mark, or no last line end');
  const lines = text.slice(1, -2).split('\r\n');
  const [header = '', ...rest] = lines;
  const [summaryHeader = '', summaryValues = ''] = rest.splice(-2);
  return { rows: rest.map((line) => record(header, line)), summary: record(summaryHeader, summaryValues) };
}

/** The sum of a column in fen; a fee's five decimals are whole fen, too. */
export function sumFen(rows: readonly Record<string, string>[], column: string): number {
  return rows.reduce((sum, row) => sum + fen(row[column] ?? ''), 0);
}

/** `-0.59000` is -59. @throws Error when it is not an amount in whole fen. */
export function fen(yuan: string): number {
  const [, sign, whole, part] = /^(-?)(\d+)\.(\d\d)0*$/.exec(yuan) ?? [];
  if (whole === undefined) throw new Error(`not whole fen: ${yuan}`);
  return Number(`${sign}1`) * (Number(whole) * 100 + Number(part));
}

function record(header: string, line: string): Record<string, string> {
  const names = header.split(',');
  const values = line.slice(1).split(',`');
  if (!line.startsWith('`') || names.length !== values.length) throw new Error(`not a line of ${header}: ${line}`);
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
}
