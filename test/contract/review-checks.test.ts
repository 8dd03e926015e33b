import { readFileSync } from 'node:fs';
import { CHECKS } from '../../src/audit/review/all-checks';
import { sectionNumber } from '../../src/audit/review/review-document';
import { tableUnder } from '../support/doc-tables';
import { INVARIANTS } from '../support/invariants';

/** Whoever reads docs/review.md reads of every check that is made, and of no other. */
test('the documented checks are those that a review makes, in their order', () => {
  const made = CHECKS.map(({ id, section, severity, about = 'data', title, invariant = '—' }) => {
    return [id, String(sectionNumber(section)), severity, about, invariant, title.zh, title.en];
  });
  expect(tableUnder(readFileSync('docs/review.md', 'utf8'), 'Checks')).toEqual(made);
});

/** What docs/invariants.md asks by scanning the whole log, in the one pass over it; the chain of the audit log by recomputing it. */
const ASKED_OTHERWISE = {
  inTheLogPass: ['INV-1', 'INV-2', 'INV-3', 'INV-4', 'INV-5', 'INV-6', 'INV-7', 'INV-17', 'INV-18', 'INV-19', 'INV-24'],
  ofTheAuditChain: ['INV-45', 'INV-46'],
};

test('every invariant is one check, or is answered while a log is read', () => {
  const asked = CHECKS.flatMap(({ invariant }) => invariant ?? []);
  const all = [...asked, ...Object.values(ASKED_OTHERWISE).flat()];
  expect(all.sort()).toEqual(INVARIANTS.map(({ id }) => id).sort());
});
