import Table from 'cli-table3';

/** What a command shows: aligned tables for people, `--json` for machines. The only writer to standard output. */
export interface Output {
  /** Rows under headings; with --json an array of objects. */
  rows(headings: readonly string[], rows: readonly (readonly Cell[])[]): void;
  /** One thing, a field a line; with --json an object. */
  record(fields: Readonly<Record<string, Cell>>): void;
}

/** A value that can be shown. Dates are shown in UTC, ISO 8601. */
export type Cell = string | number | boolean | Date | undefined;

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

const tableOutput: Output = {
  rows: (headings, rows) => {
    const table = new Table({ head: [...headings], style: STYLE });
    table.push(...rows.map((row) => row.map(show)));
    print(rows.length === 0 ? '(none)' : table.toString());
  },
  record: (fields) => {
    const table = new Table({ style: STYLE });
    table.push(...Object.entries(fields).map(([name, cell]) => [name, show(cell)]));
    print(table.toString());
  },
};

const jsonOutput: Output = {
  rows: (headings, rows) => {
    const objects = rows.map((row) => Object.fromEntries(row.map((cell, i) => [fieldName(headings[i] ?? ''), cell])));
    print(JSON.stringify(objects, null, 2));
  },
  record: (fields) => {
    const named = Object.fromEntries(Object.entries(fields).map(([name, cell]) => [fieldName(name), cell]));
    print(JSON.stringify(named, null, 2));
  },
};

/** The output a command writes to. */
export function createOutput(isJson: boolean): Output {
  return isJson ? jsonOutput : tableOutput;
}
