import type { Posting } from '../../../quota';
import type { Finding, LogCheck, LogListener, ReviewReader } from '../check';
import { TAKES_REMEMBERED_MAX } from './long-logs';

/**
 * What came back beside what was taken, fed from the one pass over the log. Of a user who took more often than is remembered the database
 * sums what came back of each row that took.
 */
export const returnedTooMuch: LogCheck = {
  id: 'returned-more-than-taken',
  section: 'quota',
  item: 'quota-returns',
  severity: 'severe',
  title: { zh: '返还的配额超过扣减', en: 'More was returned than was taken' },
  fix: {
    zh: '返还总额不得超过对应的扣减：找出多余的 REFUND 行及其请求来源',
    en: 'What comes back never exceeds what was taken: find the REFUND that is too much and who asked for it',
  },
  start: ({ db }) => new ReturnListener(db),
};

/**
 * Of rows of which something came back since a row of the log: before, what was remembered told. A hold takes what its CAPTURE says, a CONSUME
 * its own units; one of the two is there.
 */
const OF_LONG_USER = `
  SELECT r.sequence, r.consume_sequence, r.units, r.units - COALESCE(c.units, t.units, 0) AS too_much
  FROM (
    SELECT consume_sequence, MAX(sequence) AS sequence, SUM(units) AS units
    FROM quota_logs WHERE user_id = ? AND type = 'REFUND' GROUP BY consume_sequence
  ) r
  LEFT JOIN quota_logs t ON t.user_id = ? AND t.sequence = r.consume_sequence AND t.type = 'CONSUME'
  LEFT JOIN (
    SELECT consume_sequence, MAX(units) AS units
    FROM quota_logs WHERE user_id = ? AND type = 'CAPTURE' GROUP BY consume_sequence
  ) c ON c.consume_sequence = r.consume_sequence
  WHERE r.sequence > ? AND r.units > COALESCE(c.units, t.units, 0)`;

/** The last row that gave back, and the sums, which come as text. */
interface TooMuch {
  readonly sequence: number;
  readonly consume_sequence: number | null;
  readonly units: string;
  readonly too_much: string;
}

interface LongLog {
  readonly userId: string;
  readonly lastCompared: number;
}

class ReturnListener implements LogListener {
  /** Units that may still come back, by the row that took them; undefined: more than is remembered. */
  private open: Map<number, number> | undefined = new Map();
  /** The last row that was compared with what is remembered. */
  private lastCompared = 0;
  private readonly long: LongLog[] = [];

  constructor(private readonly db: ReviewReader) {}

  row({ userId, sequence, type, units, consumeSequence }: Posting): readonly Finding[] | undefined {
    const { open } = this;
    if (open === undefined) return undefined;
    if (type === 'CONSUME') open.set(sequence, units);
    else if (type === 'CAPTURE' && consumeSequence !== null) open.set(consumeSequence, units);
    if (open.size > TAKES_REMEMBERED_MAX) [this.open, this.lastCompared] = [undefined, sequence];
    if (type !== 'REFUND') return undefined;
    const left = (open.get(consumeSequence ?? 0) ?? 0) - units;
    if (left >= 0) open.set(consumeSequence ?? 0, left);
    if (left >= 0) return undefined;
    return [{ evidence: { user_id: userId, sequence, consume_sequence: consumeSequence, units, too_much: -left } }];
  }

  endUser({ userId }: { readonly userId: string }): undefined {
    if (this.open === undefined) this.long.push({ userId, lastCompared: this.lastCompared });
    this.open = new Map();
  }

  async *endUsers(): AsyncIterable<Finding> {
    for (const log of this.long.splice(0)) yield* findInLongLog(this.db, log);
  }
}

async function* findInLongLog(db: ReviewReader, { userId, lastCompared }: LongLog): AsyncIterable<Finding> {
  for await (const row of db.stream<TooMuch>(OF_LONG_USER, [userId, userId, userId, lastCompared])) {
    const { sequence, consume_sequence, units, too_much } = row;
    const sums = { units: Number(units), too_much: Number(too_much) };
    yield { evidence: { user_id: userId, sequence, consume_sequence, ...sums } };
  }
}
