import { styleText } from 'node:util';
import { createOutput, type Cell } from '../../src/cli/output';

/** What the demo shows: headings, tables and checks, for people as they happen or as one JSON document at the end. */
export interface Report {
  /** Begins the next numbered step. */
  step(title: string): void;
  /** Words for people; left out of JSON. */
  say(text: string): void;
  /** Rows under headings; `name` is the field in JSON. */
  rows(name: string, headings: readonly string[], rows: readonly (readonly Cell[])[]): void;
  /** One thing, a field a line. */
  record(name: string, fields: Readonly<Record<string, Cell>>): void;
  /** A statement that is put to the database next; `name` is that of the rows that answer it. */
  sql(name: string, statement: string): void;
  /** A claim and whether it holds. The demo goes on; a claim that does not hold makes it fail in the end. */
  check(claim: string, holds: boolean): void;
  /** Ends the report. Returns every claim that did not hold. */
  end(problem?: string): readonly string[];
}

interface Step {
  readonly step: number;
  readonly title: string;
  readonly shown: Record<string, unknown>;
  readonly checks: { readonly claim: string; readonly holds: boolean }[];
}

const isColoured = process.stdout.isTTY === true;

function coloured(format: Parameters<typeof styleText>[0], text: string): string {
  return isColoured ? styleText(format, text) : text;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function brokenClaims(steps: readonly Step[]): readonly string[] {
  return steps.flatMap(({ step, checks }) =>
    checks.filter(({ holds }) => !holds).map(({ claim }) => `step ${step}: ${claim}`),
  );
}

/** Collects everything in steps; the printed report does so too, to know what failed. */
function createJsonReport(steps: Step[]): Report {
  const current = (): Step => {
    const step = steps.at(-1);
    if (step === undefined) throw new Error('A report begins with a step.');
    return step;
  };
  return {
    step: (title) => void steps.push({ step: steps.length + 1, title, shown: {}, checks: [] }),
    say: () => undefined,
    rows: (name, headings, rows) => {
      current().shown[name] = rows.map((row) =>
        Object.fromEntries(row.map((cell, i) => [(headings[i] ?? '').replaceAll(' ', '_'), cell])),
      );
    },
    record: (name, fields) => {
      current().shown[name] = fields;
    },
    sql: (name, statement) => {
      current().shown[`${name}_sql`] = statement;
    },
    check: (claim, holds) => void current().checks.push({ claim, holds }),
    end: (problem) => {
      const broken = brokenClaims(steps);
      const ok = broken.length === 0 && problem === undefined;
      print(JSON.stringify({ ok, broken, ...(problem === undefined ? {} : { problem }), steps }, null, 2));
      return broken;
    },
  };
}

function createPrintedReport(steps: Step[]): Report {
  const kept = createJsonReport(steps);
  const output = createOutput(false);
  return {
    step: (title) => {
      kept.step(title);
      print(`\n${coloured(['bold', 'cyan'], `${steps.length}. ${title}`)}`);
    },
    say: print,
    rows: (_name, headings, rows) => output.rows(headings, rows),
    record: (_name, fields) => output.record(fields),
    sql: (_name, statement) => print(`\n${statement};`),
    check: (claim, holds) => {
      kept.check(claim, holds);
      print(`${holds ? coloured('green', '✓') : coloured('red', '✗')} ${claim}`);
    },
    end: () => brokenClaims(steps),
  };
}

/** The report that fits the reader. */
export function createReport(isJson: boolean): Report {
  return isJson ? createJsonReport([]) : createPrintedReport([]);
}
