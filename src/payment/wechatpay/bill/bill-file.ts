import { momentShape } from '../told-shapes';
import { BillUnusable } from '../wechatpay.errors';
import { parseFen, parseMicroYuan } from './yuan';

/**
 * The form that all bills share; pure. Lines of comma-separated values, each value of data and summary lines prefixed by
 * a backtick, so that values may hold commas: a table with its header, then a summary with its own.
 * Source: WeChat Pay API v3, 下载账单, 账单格式.
 */

/** One line under its header: values are found by column name, because accounts differ in columns and their order. */
export interface BillLine {
  /** As editors count. */
  readonly number: number;
  /** The value, or undefined where the bill has no such column. */
  find(column: string): string | undefined;
}

/** A bill taken apart, nothing converted. */
export interface BillTable {
  readonly lines: readonly BillLine[];
  readonly summary: BillLine;
}

const BYTE_ORDER_MARK = '\uFEFF';

/** Takes a bill apart. Throws BillUnusable: malformed. */
export function readBillFile(bytes: Buffer): BillTable {
  const lines = decode(bytes).split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  if (lines.length < 3) throw new BillUnusable('malformed', 'less than three lines');
  const header = readHeader(lines[0] ?? '', 1);
  const summaryHeader = readHeader(lines.at(-2) ?? '', lines.length - 1);
  const data = lines.slice(1, -2);
  return {
    lines: data.map((line, index) => readLine(line, header, index + 2)),
    summary: readLine(lines.at(-1) ?? '', summaryHeader, lines.length),
  };
}

function decode(bytes: Buffer): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  } catch (error) {
    throw new BillUnusable('malformed', 'not UTF-8', error);
  }
}

/** Positions by name. Headers carry no backticks; one in a header means that a line is missing or too many. */
function readHeader(line: string, number: number): ReadonlyMap<string, number> {
  const names = line.split(',');
  const columns = new Map(names.map((name, position) => [name, position]));
  if (line.includes('`') || columns.size !== names.length) {
    throw new BillUnusable('malformed', `line ${number} is no header`);
  }
  return columns;
}

function readLine(line: string, header: ReadonlyMap<string, number>, number: number): BillLine {
  const values = line.startsWith('`') ? line.slice(1).split(',`') : [];
  if (values.length !== header.size) throw new BillUnusable('malformed', `line ${number} does not fit its header`);
  return {
    number,
    find: (column) => {
      const position = header.get(column);
      return position === undefined ? undefined : values[position];
    },
  };
}

/** A value that the bill must have. Throws BillUnusable: malformed, as do those below. */
export function needText(line: BillLine, column: string): string {
  const value = line.find(column);
  if (value === undefined) throw new BillUnusable('malformed', `there is no column ${column}`);
  return value;
}

/** A value that the bill may lack; null for what is not there or is empty. */
export function findText(line: BillLine, column: string): string | null {
  const value = line.find(column);
  return value === undefined || value === '' ? null : value;
}

/** An id that the line may lack, which bills write as `0`, too. */
export function findId(line: BillLine, column: string): string | null {
  const value = findText(line, column);
  return value === '0' ? null : value;
}

/** A value in a form of its own, read by `parse`, which gives undefined for what it can not read. */
function needParsed<Value>(line: BillLine, column: string, parse: (text: string) => Value | undefined): Value {
  const value = parse(needText(line, column));
  if (value === undefined) throw new BillUnusable('malformed', `line ${line.number}, column ${column}`);
  return value;
}

/** An amount in yuan, as fen. */
export const needFen = (line: BillLine, column: string) => needParsed(line, column, parseFen);

/** An amount in yuan with up to six decimals. */
export const needMicroYuan = (line: BillLine, column: string) => needParsed(line, column, parseMicroYuan);

/** `yyyy-MM-dd HH:mm:ss` in UTC+8. */
export const needInstant = (line: BillLine, column: string) =>
  needParsed(line, column, (text) => momentShape.safeParse(`${text.replace(' ', 'T')}+08:00`).data);

const COUNT = /^\d{1,9}(?:\.0+)?$/;

/** A number of things: `12`, or `12.0` as some bills write it. */
export const needCount = (line: BillLine, column: string) =>
  needParsed(line, column, (text) => (COUNT.test(text) ? Number(text) : undefined));
