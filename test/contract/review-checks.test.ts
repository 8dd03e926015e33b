import { readFileSync } from 'node:fs';
import { CHECKS } from '../../src/audit/review/all-checks';
import { sectionNumber } from '../../src/audit/review/review-document';
import { tableUnder } from '../support/doc-tables';

/** Whoever reads docs/review.md reads of every check that is made, and of no other. */
test('the documented checks are those that a review makes, in their order', () => {
  const made = CHECKS.map(({ id, section, severity, about = 'data', title, invariant = '—' }) => {
    return [id, String(sectionNumber(section)), severity, about, invariant, title.zh, title.en];
  });
  expect(tableUnder(readFileSync('docs/review.md', 'utf8'), 'Checks')).toEqual(made);
});
