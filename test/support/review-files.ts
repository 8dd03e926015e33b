import type { Check } from '../../src/audit/review/check';
import type { ReviewFacts } from '../../src/audit/review/check';
import type { CheckResult, ReviewDocument } from '../../src/audit/review/review-document';
import { verdictOf } from '../../src/audit/review/review-document';
import { SECTIONS } from '../../src/audit/review/sections';

/** Reviews that tests of reports and signatures are made with. */

const NOTHING = { findings: 0, evidence: [], error: '', milliseconds: 1 };

/** A check's result for each line of the checklist, all of them clean. */
function cleanResults(): readonly CheckResult[] {
  return SECTIONS.flatMap((section) =>
    section.items.map((item): CheckResult => {
      const words = { title: item.text, fix: { zh: '修复', en: 'mend it' } };
      const place = { id: `check-${item.id}`, section: section.id, item: item.id };
      return { ...place, ...words, severity: 'severe', outcome: 'clean', ...NOTHING };
    }),
  );
}

/** A review of those results, of which some are others. */
export function reviewOf(
  changes: Readonly<Record<string, Partial<CheckResult>>> = {},
  scope: ReviewDocument['scope'] = 'all',
): ReviewDocument {
  const checks = cleanResults().map((result) => ({ ...result, ...changes[result.item] }));
  const count = (severity: CheckResult['severity']): number =>
    checks.filter((check) => check.severity === severity && (check.outcome === 'found' || check.outcome === 'broken'))
      .length;
  return {
    format: 1,
    review_id: '01K000000000000000000REVIEW'.slice(0, 26),
    review_time: '2026-10-01T17:30:00.000Z',
    reviewer: 'billing_guard_skill',
    scope,
    build: { version: '0.6.0', commit: 'c0ffee' },
    database: { name: 'billing', server: '10.11.6-MariaDB', users: 3, orders: 2, payments: 1, quota_logs: 9 },
    milliseconds: 1_234,
    verdict: verdictOf(checks),
    problems: { severe: count('severe'), medium: count('medium'), minor: count('minor') },
    checks,
  };
}

/** Facts of a deployment that is in order, but for what a test says. */
export function factsWith(changes: Partial<ReviewFacts> = {}): ReviewFacts {
  const accounts = {
    app: 'billing_app',
    report: 'billing_report',
    migrate: 'billing_migrate',
    backup: 'billing_backup',
  };
  const build = { version: '0.6.0', commit: 'c0ffee' };
  return { build, claimsProof: undefined, publicKeys: [], proofKeys: [], backup: undefined, accounts, ...changes };
}

/** The words that a check of a test needs, whatever it does. */
export const CHECK_TERMS = {
  section: 'quota',
  item: 'quota-log',
  severity: 'severe',
  title: { zh: '有问题', en: 'Something is wrong' },
  fix: { zh: '修复', en: 'mend it' },
} as const satisfies Omit<Check, 'id' | 'run' | 'start'>;
