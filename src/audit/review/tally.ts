import { describeFailure } from '../../platform/jobs/job-failure';
import { monotonicMs } from '../../platform/clock';
import type { Check, Evidence, Finding } from './check';
import type { CheckOutcome, CheckResult } from './review-document';

/** Pieces of evidence that are kept of one check; all are counted. */
const EVIDENCE_MAX = 20;
/** Longest text of a piece of evidence: rows that were forged may hold anything. */
const EVIDENCE_CHARACTERS_MAX = 200;

/** Collects what one check finds. */
export class Tally {
  private findings = 0;
  private readonly evidence: Evidence[] = [];
  private error: string | undefined;
  private spentMs = 0;

  constructor(readonly check: Check) {}

  add({ evidence }: Finding): void {
    this.findings += 1;
    if (this.evidence.length < EVIDENCE_MAX) this.evidence.push(shortened(evidence));
  }

  /** The check could not be made, or not to its end. */
  fail(error: unknown): void {
    this.error ??= describeFailure(error);
  }

  /** Adds time that the check took. */
  spent(ms: number): void {
    this.spentMs += ms;
  }

  /** Measures work as the check's. */
  async timed(work: () => Promise<void>): Promise<void> {
    const startMs = monotonicMs();
    try {
      await work();
    } finally {
      this.spent(monotonicMs() - startMs);
    }
  }

  result(): CheckResult {
    const { id, section, item, severity, title, fix } = this.check;
    const outcome: CheckOutcome = this.error !== undefined ? 'broken' : this.findings > 0 ? 'found' : 'clean';
    return {
      ...{ id, section, item, title, fix, outcome, findings: this.findings, evidence: this.evidence },
      // A check that could not be made would otherwise pass with what it might have found.
      severity: outcome === 'broken' ? 'severe' : severity,
      error: this.error ?? '',
      milliseconds: Math.round(this.spentMs),
    };
  }
}

/** What a check that was not to be made says. */
export function leftOut({ id, section, item, severity, title, fix }: Check): CheckResult {
  const nothing = { findings: 0, evidence: [], error: '', milliseconds: 0 };
  return { id, section, item, severity, title, fix, outcome: 'left_out', ...nothing };
}

function shortened(evidence: Evidence): Evidence {
  const short = (value: string | number | null): string | number | null => {
    // What is signed holds whole numbers only.
    if (typeof value === 'number') return Number.isSafeInteger(value) ? value : String(value);
    if (value === null || value.length <= EVIDENCE_CHARACTERS_MAX) return value;
    return `${value.slice(0, EVIDENCE_CHARACTERS_MAX)}…`;
  };
  return Object.fromEntries(Object.entries(evidence).map(([name, value]) => [name, short(value)]));
}
