import type { Posting } from '../../../quota';
import type { Finding, LogCheck, LogListener, ReviewReader } from '../check';
import { TAKES_REMEMBERED_MAX } from './long-logs';

/**
 * quota_charges beside the log: INV-19, fed from the one pass over the log. What the rows of a user took, and what became of it, is kept until
 * the page ends; then the charges of all users that ended are read together and compared. Of a user who took more often than is remembered
 * the database joins log and charges, and each is compared as it arrives.
 */
export const chargeDisagrees: LogCheck = {
  id: 'charge-disagrees-with-log',
  section: 'quota',
  item: 'quota-log',
  severity: 'severe',
  title: {
    zh: '扣减记录与日志不一致',
    en: 'A charge is not what the log says, or a row of the log has no charge',
  },
  fix: {
    zh: '以日志为准核对 quota_charges：缺少的扣减将不会被返还，多出的会被重复返还',
    en: 'Compare quota_charges with the log: a charge that is missing never comes back, one too many comes back twice',
  },
  start: ({ db }) => new ChargeListener(db),
};

/** What a CONSUME or HOLD took, and what the rows that name it did with that. */
interface Taken {
  readonly kind: string;
  readonly units: number;
  readonly taskId: string;
  returned: number;
  isCaptured: boolean;
  isReleased: boolean;
  isNamed: boolean;
  hasCharge: boolean;
}

/**
 * By sequence; `long`: more than is remembered; `unreadable`: one of the user's rows can not be read, of which the check of the chain
 * tells.
 */
type TakenOfUser = Map<number, Taken> | 'long' | 'unreadable';

/** What names a charge in evidence. */
interface Place {
  readonly user_id: string;
  readonly sequence: number;
}

interface StoredCharge extends Place {
  readonly task_id: string;
  readonly kind: string;
  readonly units: number;
  readonly returned: number;
  readonly state: string;
}

/** A charge with what the log has under its number; null where it took nothing there. Sums come as text. */
interface JoinedCharge extends StoredCharge {
  readonly log_type: string | null;
  readonly log_units: number;
  readonly log_task_id: string;
  readonly log_returned: string | null;
  readonly captures: string | null;
  readonly releases: string | null;
}

const OF_USERS =
  'SELECT user_id, task_id, sequence, kind, units, returned, state FROM quota_charges WHERE user_id IN (?)';

/** Every charge of one user, in the order in which they are stored: nothing is sorted, and the sums are the server's. */
const OF_LONG_USER = `
  SELECT c.user_id, c.task_id, c.sequence, c.kind, c.units, c.returned, c.state,
    l.type AS log_type, l.units AS log_units, l.task_id AS log_task_id, s.returned AS log_returned, s.captures, s.releases
  FROM quota_charges c
  LEFT JOIN quota_logs l ON l.user_id = c.user_id AND l.sequence = c.sequence AND l.type IN ('CONSUME', 'HOLD')
  LEFT JOIN (
    SELECT consume_sequence, SUM(amount) AS returned, SUM(type = 'CAPTURE') AS captures, SUM(type = 'RELEASE') AS releases
    FROM quota_logs WHERE user_id = ? AND consume_sequence IS NOT NULL GROUP BY consume_sequence
  ) s ON s.consume_sequence = c.sequence
  WHERE c.user_id = ?`;

const WITHOUT_CHARGE = `
  SELECT l.user_id, l.sequence FROM quota_logs l
  LEFT JOIN quota_charges c ON c.user_id = l.user_id AND c.task_id = l.task_id AND c.sequence = l.sequence
  WHERE l.user_id = ? AND l.type IN ('CONSUME', 'HOLD') AND c.user_id IS NULL`;

class ChargeListener implements LogListener {
  private taken: TakenOfUser = new Map();
  private readonly ended = new Map<string, TakenOfUser>();

  constructor(private readonly db: ReviewReader) {}

  row({ sequence, type, units, amount, taskId, consumeSequence }: Posting): undefined {
    const { taken } = this;
    if (typeof taken === 'string') return;
    if (type === 'CONSUME' || type === 'HOLD') {
      const nothing = { returned: 0, isCaptured: false, isReleased: false, isNamed: false, hasCharge: false };
      taken.set(sequence, { kind: type.toLowerCase(), units, taskId, ...nothing });
      if (taken.size > TAKES_REMEMBERED_MAX) this.taken = 'long';
    }
    const named = consumeSequence === null ? undefined : taken.get(consumeSequence);
    if (named === undefined) return;
    named.isNamed = true;
    named.returned += amount;
    named.isCaptured ||= type === 'CAPTURE';
    named.isReleased ||= type === 'RELEASE';
  }

  unreadable(): undefined {
    this.taken = 'unreadable';
  }

  endUser({ userId }: { readonly userId: string }): undefined {
    this.ended.set(userId, this.taken);
    this.taken = new Map();
  }

  async *endUsers(): AsyncIterable<Finding> {
    const [short, long] = [new Map<string, Map<number, Taken>>(), [] as string[]];
    for (const [userId, taken] of this.ended) {
      if (taken instanceof Map) short.set(userId, taken);
      else if (taken === 'long') long.push(userId);
    }
    this.ended.clear();
    yield* findInShortLogs(this.db, short);
    for (const userId of long) yield* findInLongLog(this.db, userId);
  }
}

const NO_CHARGE = 'has no charge';

async function* findInShortLogs(
  db: ReviewReader,
  users: ReadonlyMap<string, ReadonlyMap<number, Taken>>,
): AsyncIterable<Finding> {
  if (users.size === 0) return;
  for await (const charge of db.stream<StoredCharge>(OF_USERS, [[...users.keys()]])) {
    yield* findingsOf(charge, chargeProblem(charge, users.get(charge.user_id)?.get(charge.sequence)));
  }
  for (const [userId, taken] of users) {
    for (const [sequence, { hasCharge }] of taken) {
      if (!hasCharge) yield* findingsOf({ user_id: userId, sequence }, NO_CHARGE);
    }
  }
}

async function* findInLongLog(db: ReviewReader, userId: string): AsyncIterable<Finding> {
  for await (const charge of db.stream<JoinedCharge>(OF_LONG_USER, [userId, userId])) {
    yield* findingsOf(charge, chargeProblem(charge, takenOf(charge)));
  }
  for await (const row of db.stream<Place>(WITHOUT_CHARGE, [userId])) yield* findingsOf(row, NO_CHARGE);
}

function takenOf(charge: JoinedCharge): Taken | undefined {
  const { log_type: type, log_units: units, log_task_id: taskId, log_returned: returned, captures, releases } = charge;
  if (type === null) return undefined;
  return {
    ...{ kind: type.toLowerCase(), units, taskId, returned: Number(returned ?? 0), hasCharge: true },
    ...{ isCaptured: Number(captures ?? 0) > 0, isReleased: Number(releases ?? 0) > 0, isNamed: captures !== null },
  };
}

function findingsOf({ user_id, sequence }: Place, problem: string | undefined): readonly Finding[] {
  return problem === undefined ? [] : [{ evidence: { user_id, sequence, problem } }];
}

function chargeProblem(charge: StoredCharge, taken: Taken | undefined): string | undefined {
  const { task_id: taskId, kind, units, returned, state } = charge;
  if (taken?.taskId !== taskId) return 'is a charge of nothing that the log took for the task';
  taken.hasCharge = true;
  if (taken.kind !== kind || taken.units !== units) return `the log took ${taken.units} by ${taken.kind}`;
  if (taken.returned !== returned) return `of it ${taken.returned} came back, the charge says ${returned}`;
  const isEndedOtherwise =
    (state === 'released') !== taken.isReleased ||
    (kind === 'hold' && state === 'settled') !== taken.isCaptured ||
    (state === 'open' && taken.isNamed);
  return isEndedOtherwise ? `is ${state}, the log says otherwise` : undefined;
}
