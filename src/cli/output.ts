import Table from 'cli-table3';

/** What a command shows: aligned tables for people, `--json` for machines. The only writer to standard output. */
export interface Output {
  /** Rows under headings; with --json an array of objects. */
  rows(headings: readonly string[], rows: Rows): void;
  /** One thing, a field a line; with --json an object. */
  record(fields: Fields): void;
  /** One thing and the rows that belong to it; with --json one object, which holds the rows under `name`. */
  recordWithRows(fields: Fields, name: string, headings: readonly string[], rows: Rows): void;
  /** The same with several tables, each under its name. */
  recordWithTables(fields: Fields, tables: readonly NamedTable[]): void;
}

/** A table that belongs to something. */
export interface NamedTable {
  readonly name: string;
  readonly headings: readonly string[];
  readonly rows: Rows;
}

/** A value that can be shown. Dates are shown in UTC, ISO 8601. */
export type Cell = string | number | boolean | Date | undefined;

type Rows = readonly (readonly Cell[])[];
type Fields = Readonly<Record<string, Cell>>;

const isColoured = process.stdout.isTTY === true;
const STYLE = { head: isColoured ? ['cyan'] : [], border: isColoured ? ['grey'] : [], compact: true };

function show(cell: Cell): string {
  if (cell === undefined) return '';
  return cell instanceof Date ? cell.toISOString() : String(cell);
}

/** The field name a heading has in JSON. */
function fieldName(heading: string): string {
  return heading.toLowerCase().replaceAll(' ', '_');
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function printTable(headings: readonly string[], rows: Rows): void {
  const table = new Table({ head: [...headings], style: STYLE });
  table.push(...rows.map((row) => row.map(show)));
  print(rows.length === 0 ? '(none)' : table.toString());
}

function printRecord(fields: Fields): void {
  const table = new Table({ style: STYLE });
  table.push(...Object.entries(fields).map(([name, cell]) => [name, show(cell)]));
  print(table.toString());
}

const tableOutput: Output = {
  rows: printTable,
  record: printRecord,
  recordWithRows: (fields, _name, headings, rows) => {
    printRecord(fields);
    printTable(headings, rows);
  },
  recordWithTables: (fields, tables) => {
    printRecord(fields);
    for (const { name, headings, rows } of tables) {
      print(`\n${name}`);
      printTable(headings, rows);
    }
  },
};

function toObjects(headings: readonly string[], rows: Rows): object[] {
  return rows.map((row) => Object.fromEntries(row.map((cell, i) => [fieldName(headings[i] ?? ''), cell])));
}

function toObject(fields: Fields): object {
  return Object.fromEntries(Object.entries(fields).map(([name, cell]) => [fieldName(name), cell]));
}

function printJson(document: object): void {
  print(JSON.stringify(document, null, 2));
}

/** One JSON document a command: each command shows what it has by one call. */
const jsonOutput: Output = {
  rows: (headings, rows) => printJson(toObjects(headings, rows)),
  record: (fields) => printJson(toObject(fields)),
  recordWithRows: (fields, name, headings, rows) =>
    printJson({ ...toObject(fields), [name]: toObjects(headings, rows) }),
  recordWithTables: (fields, tables) => {
    const named = tables.map(({ name, headings, rows }) => [fieldName(name), toObjects(headings, rows)] as const);
    printJson({ ...toObject(fields), ...Object.fromEntries(named) });
  },
};

/** The output a command writes to. */
export function createOutput(isJson: boolean): Output {
  return isJson ? jsonOutput : tableOutput;
}
