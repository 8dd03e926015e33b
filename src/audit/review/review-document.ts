import { canonicalJson, type JsonValue } from '../../platform/canonical-json';
import { sha256 } from '../../platform/crypto/sha256';
import type { Bilingual } from './bilingual';
import type { Severity } from './check';
import { SECTIONS } from './sections';

/** What a review came to: everything that a report says, in the form that is stored, signed and rendered. */
export interface ReviewDocument {
  /** Of this form. */
  readonly format: 1;
  readonly review_id: string;
  /** The instant of the review: of the database as it says what is due or over. ISO 8601, UTC. */
  readonly review_time: string;
  readonly reviewer: string;
  /** `data`: a copy of the database alone was looked at; nothing is said of accounts, backups and the build. */
  readonly scope: 'all' | 'data';
  readonly build: { readonly version: string; readonly commit: string };
  readonly database: {
    readonly name: string;
    readonly server: string;
    readonly users: number;
    readonly orders: number;
    readonly payments: number;
    readonly quota_logs: number;
  };
  readonly milliseconds: number;
  readonly verdict: Verdict;
  /** How many problems there are of each severity: checks that found something, or could not be made. */
  readonly problems: Readonly<Record<Severity, number>>;
  readonly checks: readonly CheckResult[];
}

export type Verdict = 'passed' | 'failed';

/**
 * `clean`: it found nothing. `found`: it did. `broken`: it could not be made, or a line of the checklist has none; severe,
 * whatever its own severity is. `left_out`: it is not about data, and only data was reviewed; or it needs keys that the review did not have.
 */
export type CheckOutcome = 'clean' | 'found' | 'broken' | 'left_out';

export interface CheckResult {
  readonly id: string;
  readonly section: string;
  readonly item: string;
  readonly severity: Severity;
  readonly outcome: CheckOutcome;
  readonly title: Bilingual;
  readonly fix: Bilingual;
  /** All that was found, of which `evidence` has the first. */
  readonly findings: number;
  readonly evidence: readonly Readonly<Record<string, string | number | null>>[];
  /** Why it could not be made; else empty. */
  readonly error: string;
  readonly milliseconds: number;
}

/** How a line of the checklist stands. `open`: nobody looked. */
export type ItemState = 'ok' | 'noted' | 'doubtful' | 'bad' | 'open';

const STATE_OF: Readonly<Record<Severity, ItemState>> = { severe: 'bad', medium: 'doubtful', minor: 'noted' };
const RANK: readonly ItemState[] = ['open', 'ok', 'noted', 'doubtful', 'bad'];

/** The problems of a severity, in the order of the checks. */
export function problemsOf({ checks }: ReviewDocument, severity: Severity): readonly CheckResult[] {
  return checks.filter((check) => isProblem(check) && check.severity === severity);
}

export function isProblem({ outcome }: CheckResult): boolean {
  return outcome === 'found' || outcome === 'broken';
}

/** How a line of the checklist stands: as the worst of its checks says. */
export function itemState({ checks }: ReviewDocument, item: string): ItemState {
  const states = checks
    .filter((check) => check.item === item && check.outcome !== 'left_out')
    .map((check): ItemState => (isProblem(check) ? STATE_OF[check.severity] : 'ok'));
  return states.reduce((worst, next) => (RANK.indexOf(next) > RANK.indexOf(worst) ? next : worst), 'open');
}

/** Any severe problem fails a review. */
export function verdictOf(checks: readonly CheckResult[]): Verdict {
  return checks.some((check) => isProblem(check) && check.severity === 'severe') ? 'failed' : 'passed';
}

/** The number of a section, from 1 on, as its heading has it. */
export function sectionNumber(id: string): number {
  return SECTIONS.findIndex((section) => section.id === id) + 1;
}

/** The bytes that are hashed and signed. */
export function documentBytes(document: ReviewDocument): Buffer {
  return Buffer.from(canonicalJson(document as unknown as JsonValue), 'utf8');
}

/** SHA-256 of those bytes, in hex. */
export function documentHash(document: ReviewDocument): string {
  return sha256(documentBytes(document)).toString('hex');
}
