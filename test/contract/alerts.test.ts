import { readFileSync } from 'node:fs';
import { ALERT_KINDS } from '../../src/alert';
import { tableUnder } from '../support/doc-tables';
import { readSources } from '../support/sources';

const ROWS = tableUnder(readFileSync('docs/alerts.md', 'utf8'), 'Kinds');
const KINDS = Object.entries<readonly string[]>(ALERT_KINDS);

/** Whoever is woken by an alert finds what it means and what to do: docs/alerts.md is a tested contract. */
describe('the documented alerts', () => {
  test('are the kinds that exist, with their subjects, in both directions', () => {
    const documented = ROWS.map(([kind, subjects]) => `${kind}: ${subjects}`);
    expect(documented).toEqual(KINDS.map(([kind, subjects]) => `${kind}: ${subjects.join(', ')}`));
  });

  test('say what each means and what a person does', () => {
    for (const [, , means, does] of ROWS) {
      expect(means?.length).toBeGreaterThan(20);
      expect(does?.length).toBeGreaterThan(20);
    }
  });

  test('fit their columns: the key of an open one is the kind, the subject and its id', () => {
    for (const [kind, subjects] of KINDS) {
      expect(kind.length).toBeLessThanOrEqual(32);
      for (const subject of subjects) expect(`${kind}:${subject}:`.length + 64).toBeLessThanOrEqual(128);
    }
  });

  test.each(KINDS.map(([kind]) => kind))('%s is raised somewhere in src', (kind) => {
    const sources = readSources(['src']).filter(({ path }) => !path.endsWith('alert-kinds.ts'));
    expect(sources.some(({ text }) => text.includes(`'${kind}'`))).toBe(true);
  });
});
