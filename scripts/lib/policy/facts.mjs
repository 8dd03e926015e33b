/**
 * The running rules as numbers, read where each of them has its one home: the plans that a new database starts with, and the
 * documents' tables that contract tests compare with the code in both directions. What is missing is an error, never a blank.
 */
import { readFileSync } from 'node:fs';
import { inRoot } from '../paths.mjs';
import { Failure } from '../terminal.mjs';

const read = (...names) => readFileSync(inRoot(...names), 'utf8');

/** Rows of the tables under a heading of a document, whose first cell is code; cells without their code marks. */
function rowsUnder(page, heading) {
  const section =
    read('docs', page)
      .split(/^## /m)
      .find((part) => part.startsWith(`${heading}\n`)) ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  if (rows.length === 0) throw new Failure(`docs/${page} has no table under ${heading}.`);
  return rows.map((row) =>
    row
      .slice(2, -2)
      .split(' | ')
      .map((cell) => cell.replaceAll('`', '')),
  );
}

/** The plans of the seed, by their id. */
function readSeed() {
  const text = read('migrations', '0015_seed_plans.ts');
  const plans = new Map();
  for (const [, id, name, kind] of text.matchAll(/^ {6}\('([a-z]+)', '([^']+)', '(basic|sale)', 'active'/gm)) {
    plans.set(id, { id, name, kind });
  }
  const price = /\('([a-z]+)', (\d+), (\d+), 'CNY', '(\w+)', (\d+), (\d+),\s*'(\[[^']*\])', (\d+)/g;
  for (const [, id, listPrice, fen, unit, count, units, features, tax] of text.matchAll(price)) {
    const numbers = { listPrice: Number(listPrice), price: Number(fen), count: Number(count), units: Number(units) };
    const terms = { ...numbers, unit, features: JSON.parse(features), taxBasisPoints: Number(tax) };
    plans.set(id, { ...plans.get(id), ...terms });
  }
  const isWhole = [...plans.values()].every(({ name, price: fen }) => name !== undefined && fen !== undefined);
  if (plans.size === 0 || !isWhole) throw new Failure('The seed of the plans can not be read.');
  return plans;
}

function lookUp(map, key) {
  if (!map.has(key)) throw new Failure(`There is no ${key} any more: mend scripts/lib/policy.`);
  return map.get(key);
}

/** A number that a file of src has under a name. */
function readConstant(file, name) {
  const [, digits] = new RegExp(`const ${name} = ([\\d_]+);`).exec(read(file)) ?? [];
  if (digits === undefined) throw new Failure(`${file} has no ${name} any more: mend scripts/lib/policy.`);
  return Number(digits.replaceAll('_', ''));
}

/** Reads all of it. */
export function readFacts() {
  const settings = new Map(rowsUnder('timeouts.md', 'Settings').map(([name, value]) => [name, value]));
  const jobs = new Map(
    rowsUnder('jobs.md', 'Jobs').map(([name, , schedule, , meaning]) => [name, { schedule, meaning }]),
  );
  const alerts = new Map(rowsUnder('alerts.md', 'Kinds').map(([kind, subject]) => [kind, subject]));
  const errors = new Map(rowsUnder('errors.md', 'Reasons').map(([reason, code]) => [reason, code]));
  const roles = rowsUnder('architecture.md', 'Who may call');
  const invariants = [...read('docs', 'invariants.md').matchAll(/^### (INV-\d+) (.+)$/gm)];
  const plans = readSeed();
  return {
    plans: [...plans.values()],
    plan: (id) => lookUp(plans, id),
    setting: (name) => lookUp(settings, name),
    constant: readConstant,
    job: (name) => ({ name, ...lookUp(jobs, name) }),
    alert: (kind) => (lookUp(alerts, kind), kind),
    error: (reason) => (lookUp(errors, reason), reason),
    counts: { alerts: alerts.size, jobs: jobs.size, errors: errors.size, invariants: invariants.length },
    roles: roles.map(([role]) => role),
  };
}
