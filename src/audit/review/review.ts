import { monotonicMs } from '../../platform/clock';
import { isLogCheck, type Check, type CheckContext, type LogCheck, type QueryCheck, type ReviewFacts } from './check';
import type { ReviewReader } from './check';
import { passLog } from './log-pass';
import { isProblem, verdictOf, type CheckResult, type ReviewDocument } from './review-document';
import { SECTIONS } from './sections';
import { leftOut, Tally } from './tally';

/** How far a review is. */
export interface ReviewProgress {
  readonly checksDone: number;
  readonly checksTotal: number;
  /** What is being looked at: the id of a check, or `quota-log` while the log is read. */
  readonly at: string;
  /** What of it was looked at. */
  readonly rows: number;
}

/** What a review is made of and for. */
export interface ReviewRequest {
  readonly reviewId: string;
  readonly reviewer: string;
  readonly now: Date;
  readonly scope: ReviewDocument['scope'];
  readonly checks: readonly Check[];
  readonly facts: ReviewFacts;
  readonly onProgress: (progress: ReviewProgress) => void;
}

/**
 * Runs every check against one snapshot of the database and says what came out. A check that can not be made is a severe
 * problem, and so is a line of the checklist that no check backs: neither ever passes. Throws only where nothing can be said, because
 * the database is gone.
 */
export async function reviewDatabase(db: ReviewReader, request: ReviewRequest): Promise<ReviewDocument> {
  const startMs = monotonicMs();
  const { checks, scope, now, facts } = request;
  const made = checks.filter((check) => isMade(check, request));
  const tallies = new Map(made.map((check) => [check, new Tally(check)]));
  const desk = new Desk(db, request, tallies);
  const counted = await countRows(db);
  for (const check of made) if (!isLogCheck(check)) await desk.query(check);
  const log = await desk.readLog(made.filter(isLogCheck));
  const results = checks.map((check) => tallies.get(check)?.result() ?? leftOut(check));
  const all = [...results, ...unbackedItems(checks)];
  const count = (severity: CheckResult['severity']): number =>
    all.filter((check) => check.severity === severity && isProblem(check)).length;
  return {
    format: 1,
    review_id: request.reviewId,
    review_time: now.toISOString(),
    reviewer: request.reviewer,
    scope,
    build: facts.build,
    database: { ...counted, quota_logs: log.rows },
    milliseconds: Math.round(monotonicMs() - startMs),
    verdict: verdictOf(all),
    problems: { severe: count('severe'), medium: count('medium'), minor: count('minor') },
    checks: all,
  };
}

function isMade({ about, needs }: Check, { scope, facts }: ReviewRequest): boolean {
  return (scope === 'all' || about !== 'deployment') && (needs === undefined || facts.originals !== undefined);
}

/** The checks at work. */
class Desk {
  private checksDone = 0;

  constructor(
    private readonly db: ReviewReader,
    private readonly request: ReviewRequest,
    private readonly tallies: ReadonlyMap<Check, Tally>,
  ) {}

  async query(check: QueryCheck): Promise<void> {
    const tally = this.tallyOf(check);
    this.tell(check.id, 0);
    await tally.timed(async () => {
      try {
        const found = check.run(this.context(check.id));
        for await (const finding of 'then' in found ? await found : found) tally.add(finding);
      } catch (error) {
        tally.fail(error);
        await this.requireDatabase();
      }
    });
    this.checksDone += 1;
  }

  /** All checks of the log, in one pass. The time that it takes is each one's. */
  async readLog(checks: readonly LogCheck[]): Promise<{ readonly rows: number }> {
    const at = 'quota-log';
    this.tell(at, 0);
    const startMs = monotonicMs();
    const read = await passLog(checks, this.context(at), {
      found: (check, findings) => {
        for (const finding of findings) this.tallyOf(check).add(finding);
      },
      failed: (check, error) => this.tallyOf(check).fail(error),
      progress: (rows) => this.tell(at, rows),
    }).catch(async (error: unknown) => {
      // The log can not be read: every check of it says so.
      for (const check of checks) this.tallyOf(check).fail(error);
      await this.requireDatabase();
      return { rows: 0 };
    });
    for (const check of checks) this.tallyOf(check).spent(monotonicMs() - startMs);
    this.checksDone += checks.length;
    this.tell(at, read.rows);
    return read;
  }

  private context(at: string): CheckContext {
    const { now, facts } = this.request;
    return { db: this.db, now, facts, progress: (done) => this.tell(at, done) };
  }

  private tallyOf(check: Check): Tally {
    const tally = this.tallies.get(check);
    if (tally === undefined) throw new Error(`check ${check.id} is not part of this review`);
    return tally;
  }

  private tell(at: string, rows: number): void {
    this.request.onProgress({ checksDone: this.checksDone, checksTotal: this.tallies.size, at, rows });
  }

  /** After a failure: a database that is gone fails all that is left, and of it nothing can be said. */
  private async requireDatabase(): Promise<void> {
    await this.db.rows('SELECT 1 AS answered');
  }
}

/** Where the database is, and how much of it there is. */
async function countRows(db: ReviewReader): Promise<Omit<ReviewDocument['database'], 'quota_logs'>> {
  const [row] = await db.rows<Omit<ReviewDocument['database'], 'quota_logs'>>(
    `SELECT DATABASE() AS name, VERSION() AS server, (SELECT COUNT(*) FROM users) AS users,
      (SELECT COUNT(*) FROM orders) AS orders, (SELECT COUNT(*) FROM payments) AS payments`,
  );
  if (row === undefined) throw new Error('the database does not say what it is');
  const { name, server, users, orders, payments } = row;
  return { name, server, users, orders, payments };
}

/** Lines of the checklist that nothing backs: ticking them would claim what nobody looked at. */
function unbackedItems(checks: readonly Check[]): readonly CheckResult[] {
  const backed = new Set<string>(checks.map(({ item }) => item));
  return SECTIONS.flatMap((section) =>
    section.items
      .filter(({ id }) => !backed.has(id))
      .map((item): CheckResult => {
        const title = { zh: `未审查：${item.text.zh}`, en: `Not reviewed: ${item.text.en}` };
        const fix = { zh: '补充对应的检查后重新审查。', en: 'Add a check for it and review again.' };
        const nothing = {
          findings: 0,
          evidence: [],
          milliseconds: 0,
          error: 'no check backs this line of the checklist',
        };
        const place = { id: `unbacked-${item.id}`, section: section.id, item: item.id };
        return { ...place, title, fix, severity: 'severe', outcome: 'broken', ...nothing };
      }),
  );
}
