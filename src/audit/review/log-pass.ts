import { fromEpochMs } from '../../platform/time';
import type { LotChange, Posting } from '../../quota';
import type {
  CheckContext,
  Finding,
  LogCheck,
  LogListener,
  ReviewReader,
  StoredAccount,
  StoredHead,
  StoredLotRow,
} from './check';

/**
 * The one pass over quota_logs: reads every row once, in order of user and sequence, and hands it to all checks of the log.
 * What is stored beside a user's log is read with it, a page of users at a time. Memory is bounded by a page of rows and
 * the lots of its users, whatever the length of the log.
 */

/** Rows read at a time. Handling them takes some 20 ms, for which nothing else of the process runs. */
const PAGE_SIZE = 2_000;

const COLUMNS = [
  ...['user_id', 'sequence', 'origin', 'request_id', 'request_hash', 'type', 'amount', 'units', 'quota_remaining'],
  ...[
    'lots',
    'consume_sequence',
    'task_id',
    'task_type',
    'description',
    'actor',
    'create_time',
    'hash_version',
    'hash',
  ],
].join(', ');

/** What became of a check during the pass: its findings go to `found`; one that threw takes no further part. */
export interface PassObserver {
  found(check: LogCheck, findings: readonly Finding[]): void;
  failed(check: LogCheck, error: unknown): void;
  progress(rows: number): void;
}

interface Position {
  readonly userId: string;
  /** As text: whoever may do everything can write numbers that no number of ours holds. */
  readonly sequence: string;
}

const START: Position = { userId: '', sequence: '-9223372036854775808' };

/** A check in the pass. */
interface Participant {
  readonly check: LogCheck;
  readonly listener: LogListener;
}

/** Feeds all rows of the log to the checks. Returns how many rows and users it read. */
export async function passLog(
  checks: readonly LogCheck[],
  context: CheckContext,
  observer: PassObserver,
): Promise<{ readonly rows: number; readonly users: number }> {
  const audience = new Audience(checks, context, observer);
  let page = await readRowsAfter(context.db, START);
  let at = START;
  let currentUser: string | undefined;
  let [rows, users] = [0, 0];
  for (;;) {
    const ended: string[] = [];
    for (const row of page) {
      if (row[0] !== currentUser) {
        if (currentUser !== undefined) ended.push(currentUser);
        // What is stored comes after the page: a user's rows may be told before that of the user before has ended.
        currentUser = row[0] as string;
        users += 1;
      }
    }
    const isLast = page.length < PAGE_SIZE;
    if (isLast && currentUser !== undefined) ended.push(currentUser);
    const stored = await readStored(context.db, ended);
    // The server reads the next page while the checks are told of this one.
    const next = isLast ? undefined : readPageAfter(context.db, at, page);
    next?.catch(() => undefined);
    tellPage(audience, page, at.userId, stored, isLast);
    await audience.usersEnded(ended);
    rows += page.length;
    observer.progress(rows);
    if (next === undefined) break;
    ({ page, at } = await next);
  }
  await audience.ended();
  return { rows, users };
}

type RawRow = readonly unknown[];

/** Where a page ends. */
function positionAfter(page: readonly RawRow[]): Position | undefined {
  const [userId, sequence] = (page.at(-1) ?? []) as [string?, number?];
  const isKnown = userId !== undefined && sequence !== undefined && !Number.isNaN(sequence);
  return isKnown ? { userId, sequence: String(sequence) } : undefined;
}

/** The same of a page whose last row has a number that no number of ours holds. */
async function findPositionAfter(db: ReviewReader, before: Position, page: readonly RawRow[]): Promise<Position> {
  const userId = (page.at(-1)?.[0] ?? before.userId) as string;
  const sameUser = page.filter((row) => row[0] === userId).length;
  const from = userId === before.userId ? before.sequence : START.sequence;
  const [row] = await db.rows<{ sequence: string }>(
    `SELECT CAST(sequence AS CHAR) AS sequence FROM quota_logs WHERE user_id = ? AND sequence > CAST(? AS SIGNED)
    ORDER BY quota_logs.sequence LIMIT 1 OFFSET ${sameUser - 1}`,
    [userId, from],
  );
  return { userId, sequence: row?.sequence ?? before.sequence };
}

/** A page with where the one before it ended. */
interface Page {
  readonly page: readonly RawRow[];
  readonly at: Position;
}

/** The server is asked before this returns: what follows keeps the process busy. */
async function readPageAfter(db: ReviewReader, before: Position, page: readonly RawRow[]): Promise<Page> {
  const at = positionAfter(page) ?? (await findPositionAfter(db, before, page));
  // Of a user whose rows fill pages the next page is mostly his, too.
  const isHis = page[0]?.[0] === at.userId;
  return { page: await (isHis ? readRowsAfter(db, at) : readRowsAfterAtOnce(db, at)), at };
}

/** The rows after a position, asked for at once: most of them are those of the users after, which come first therefore. */
async function readRowsAfterAtOnce(db: ReviewReader, at: Position): Promise<readonly RawRow[]> {
  const [others, rest] = await Promise.all([readOthers(db, at, PAGE_SIZE), readRest(db, at)]);
  return [...rest, ...others].slice(0, PAGE_SIZE);
}

/** The rows after a position in order of the primary key: first the rest of that user, then the users after. */
async function readRowsAfter(db: ReviewReader, at: Position): Promise<readonly RawRow[]> {
  const rest = await readRest(db, at);
  if (rest.length === PAGE_SIZE) return rest;
  return [...rest, ...(await readOthers(db, at, PAGE_SIZE - rest.length))];
}

function readRest(db: ReviewReader, { userId, sequence }: Position): Promise<readonly RawRow[]> {
  return db.arrays(
    `SELECT ${COLUMNS} FROM quota_logs WHERE user_id = ? AND sequence > CAST(? AS SIGNED)
    ORDER BY sequence LIMIT ${PAGE_SIZE}`,
    [userId, sequence],
  );
}

function readOthers(db: ReviewReader, { userId }: Position, most: number): Promise<readonly RawRow[]> {
  return db.arrays(`SELECT ${COLUMNS} FROM quota_logs WHERE user_id > ? ORDER BY user_id, sequence LIMIT ${most}`, [
    userId,
  ]);
}

/** Tells a page row by row, and each user's end before the first row of the next user. */
function tellPage(
  audience: Audience,
  page: readonly RawRow[],
  userBefore: string,
  stored: ReadonlyMap<string, StoredAccount>,
  isLast: boolean,
): void {
  let userId = userBefore;
  const endUser = (): void => {
    const account = stored.get(userId);
    if (account !== undefined) audience.userEnded(account);
  };
  for (const row of page) {
    if (row[0] !== userId) {
      endUser();
      userId = row[0] as string;
    }
    audience.row(row);
  }
  if (isLast) endUser();
}

/** The accounts and lots of users whose rows are all read. */
async function readStored(db: ReviewReader, userIds: readonly string[]): Promise<ReadonlyMap<string, StoredAccount>> {
  if (userIds.length === 0) return new Map();
  const heads = new Map<string, StoredHead>();
  const accounts = await db.arrays(
    'SELECT id, quota_remaining, log_sequence, log_hash, log_time FROM users WHERE id IN (?)',
    [userIds],
  );
  for (const [id, quotaRemaining, logSequence, logHash, logTime] of accounts) {
    heads.set(id as string, { quotaRemaining, logSequence, logHash, logTime } as StoredHead);
  }
  const lots = new Map<string, StoredLotRow[]>();
  const rows = await db.arrays(
    `SELECT user_id, grant_id, source, source_ref, order_id, amount, remaining, held, expire_time, revoke_time, create_time
    FROM quota_grants WHERE user_id IN (?) ORDER BY user_id, grant_id`,
    [userIds],
  );
  for (const row of rows) {
    const [userId, grantId, source, sourceRef, orderId, amount, remaining, held, ...times] = row;
    const [expireTime, revokeTime, createTime] = times;
    const lot = { userId, grantId, source, sourceRef, orderId, amount, remaining, held } as StoredLotRow;
    const whole = { ...lot, expireTime, revokeTime, createTime } as StoredLotRow;
    const known = lots.get(whole.userId);
    if (known === undefined) lots.set(whole.userId, [whole]);
    else known.push(whole);
  }
  return new Map(
    userIds.map((userId) => [userId, { userId, account: heads.get(userId), lots: lots.get(userId) ?? [] }]),
  );
}

/** Row → posting; undefined for one that can not be read as one. One object of one form: most of a pass is spent here and in hashing. */
function toPosting(row: RawRow): Posting | undefined {
  const lots = readLots(row[9] as string);
  const createTime = row[15];
  if (lots === undefined || !areWhole(row[1], row[6], row[7], row[8], row[10] ?? 0)) return undefined;
  // One that is no instant has no canonical form.
  if (!(createTime instanceof Date) || Number.isNaN(createTime.getTime())) return undefined;
  return {
    userId: row[0] as string,
    sequence: row[1] as number,
    origin: row[2] as Posting['origin'],
    requestId: row[3] as string,
    requestHash: row[4] as Buffer,
    type: row[5] as Posting['type'],
    amount: row[6] as number,
    units: row[7] as number,
    quotaRemaining: row[8] as number,
    lots,
    consumeSequence: row[10] as number | null,
    taskId: row[11] as string,
    taskType: row[12] as string,
    description: row[13] as string,
    actor: row[14] as string,
    createTime: fromEpochMs(createTime.getTime()),
    hashVersion: row[16] as number,
    hash: row[17] as Buffer,
  };
}

function areWhole(...values: readonly unknown[]): boolean {
  return values.every((value) => Number.isSafeInteger(value));
}

/** The lots of a row: pairs of whole numbers, or it is no row of ours. */
function readLots(json: string): readonly LotChange[] | undefined {
  try {
    const parsed = JSON.parse(json) as unknown;
    return Array.isArray(parsed) && parsed.every(isLotChange) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isLotChange(value: unknown): value is LotChange {
  return Array.isArray(value) && value.length === 2 && value.every((part) => Number.isSafeInteger(part));
}

/** The checks that take part. One that throws is told nothing more. */
class Audience {
  private readonly participants = new Set<Participant>();

  constructor(
    checks: readonly LogCheck[],
    context: CheckContext,
    private readonly observer: PassObserver,
  ) {
    for (const check of checks) {
      try {
        this.participants.add({ check, listener: check.start(context) });
      } catch (error) {
        observer.failed(check, error);
      }
    }
  }

  row(raw: RawRow): void {
    const posting = toPosting(raw);
    if (posting !== undefined) return this.each((listener) => listener.row(posting));
    const unreadable = { userId: raw[0] as string, sequence: raw[1] as number };
    this.each((listener) => listener.unreadable?.(unreadable));
  }

  userEnded(stored: StoredAccount): void {
    this.each((listener) => listener.endUser?.(stored));
  }

  async usersEnded(userIds: readonly string[]): Promise<void> {
    if (userIds.length > 0) await this.eachInTurn((listener) => listener.endUsers?.(userIds));
  }

  async ended(): Promise<void> {
    await this.eachInTurn((listener) => listener.end?.());
  }

  private each(tell: (listener: LogListener) => readonly Finding[] | undefined): void {
    for (const participant of this.participants) {
      try {
        const findings = tell(participant.listener);
        if (findings !== undefined && findings.length > 0) this.observer.found(participant.check, findings);
      } catch (error) {
        this.drop(participant, error);
      }
    }
  }

  /** One after another: they share a connection. */
  private async eachInTurn(
    tell: (listener: LogListener) => AsyncIterable<Finding> | Promise<readonly Finding[]> | undefined,
  ): Promise<void> {
    for (const participant of this.participants) {
      try {
        const found = tell(participant.listener) ?? [];
        for await (const finding of 'then' in found ? await found : found) {
          this.observer.found(participant.check, [finding]);
        }
      } catch (error) {
        this.drop(participant, error);
      }
    }
  }

  private drop(participant: Participant, error: unknown): void {
    this.participants.delete(participant);
    this.observer.failed(participant.check, error);
  }
}
