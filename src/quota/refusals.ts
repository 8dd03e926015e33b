import { z } from 'zod';
import type { Database } from '../platform/db/database';
import { withTx } from '../platform/db/tx';
import { DomainError } from '../platform/errors';
import type { Logger } from '../platform/log';
import { opaqueId } from '../platform/request-rules';
import { refusalOf, VIOLATIONS_MAX } from '../platform/rpc/status';
import { addMs, MS_PER_DAY } from '../platform/time';
import { contentOf, type CallerQuotaCommand } from './commands';

/**
 * Why commands were refused, for ExplainRequest. Written off the transaction and in bulk: a refusal waits for nothing, and
 * is rather lost than in anybody's way.
 */

/** How long refusals are kept. */
export const REFUSAL_DAYS = 30;

/** Refusals that wait to be written; more are dropped and counted. */
const WAITING_MAX = 5_000;
const ROWS_PER_INSERT = 200;

/** What was refused, as far as refusals are found by it. */
type Refused = Pick<CallerQuotaCommand, 'userId' | 'requestId' | 'kind' | 'actor'>;

const IDS = z.object({ userId: opaqueId, requestId: opaqueId });

/** Takes refusals and writes them when it can. */
export class RefusalRecorder {
  private waiting: Readonly<Record<string, unknown>>[] = [];
  private writing: Promise<void> | undefined;

  constructor(
    private readonly db: Database,
    private readonly log: Logger,
    private readonly onDropped: (count: number) => void,
  ) {}

  /** Notes why a command was refused. What is no refusal is not noted: it is logged as a fault. */
  record(command: CallerQuotaCommand, error: unknown, now: Date): void {
    this.note(command, contentOf(command), error, now);
  }

  /** Notes what is wrong with a request that is no command, if it says at least whose it was, and which. */
  recordMalformed(request: unknown, what: Pick<Refused, 'kind' | 'actor'>, error: unknown, now: Date): void {
    const ids = IDS.safeParse(request);
    if (ids.success) this.note({ ...ids.data, ...what }, {}, refusalOf(error), now);
  }

  private note(refused: Refused, content: object, error: unknown, now: Date): void {
    if (!(error instanceof DomainError) || error.code === 'INTERNAL') return;
    if (this.waiting.length >= WAITING_MAX) return this.onDropped(1);
    const { userId, requestId, kind, actor } = refused;
    const violations = error.fieldViolations.slice(0, VIOLATIONS_MAX);
    const fields = violations.map(({ field, description }) => [field, description] as const);
    this.waiting.push({
      ...{ userId, requestId, kind, actor },
      content: JSON.stringify(content),
      code: error.code,
      reason: error.reason,
      metadata: JSON.stringify({ ...error.metadata, ...Object.fromEntries(fields) }),
      createTime: now,
    });
    this.writing ??= this.write();
  }

  /** Resolves when what was noted so far is written or lost. */
  async flush(): Promise<void> {
    await this.writing;
  }

  private async write(): Promise<void> {
    // What is refused in the same turn goes together.
    await Promise.resolve();
    while (this.waiting.length > 0) {
      const rows = this.waiting.splice(0, ROWS_PER_INSERT);
      try {
        await this.db.knex('request_refusals').insert(rows);
      } catch (error) {
        this.onDropped(rows.length);
        this.log.warn(
          { err: error, rows: rows.length },
          'refusals could not be noted; ExplainRequest will not know them',
        );
      }
    }
    this.writing = undefined;
  }
}

/** Old refusals that are deleted in one round. */
export const OLD_REFUSALS_MAX = 1_000;

/** Deletes refusals that are past their time. Returns how many, so that a full round is followed by the next. */
export async function dropOldRefusals(db: Database, now: Date): Promise<number> {
  return withTx(db, { name: 'DropOldRefusals' }, (tx) =>
    tx('request_refusals')
      .where('createTime', '<=', addMs(now, -REFUSAL_DAYS * MS_PER_DAY))
      .orderBy('createTime')
      .limit(OLD_REFUSALS_MAX)
      .delete(),
  );
}
