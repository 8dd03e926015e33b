import { Readable } from 'node:stream';
import type { Connection, QueryOptions, RowDataPacket } from 'mysql2/promise';
import { SYSTEM_ACTOR } from '../../src/platform/calls';
import type { Posting } from '../../src/quota/account';
import { Book } from '../../src/quota/book';
import { decide } from '../../src/quota/ledger';
import { CHAIN_START, chainHash } from '../../src/quota/log-chain';
import { userIdOf } from '../load/settings';
import { BENCH_POLICY } from '../servers/policy';

/** More units than any number of runs takes. */
const GRANTED_UNITS = 1_000_000_000;
const GRANT_DAYS = 30;
const MS_PER_DAY = 86_400_000;
const HASH_BYTES = 32;
/** Lines are handed to the driver in pieces of about this size. */
const PIECE_BYTES = 64 * 1_024;
const ACTOR = 'spiffe://billing/ai-task-service/ai-task-service';

/** Who is seeded: user 0 to this one, each with a grant and so many consumes behind them. */
export interface Population {
  readonly lastUser: number;
  readonly consumesEach: number;
}

/** `2026-01-02 03:04:05.678`, as the server reads it. */
function toSqlTime(instant: Date): string {
  return instant.toISOString().slice(0, -1).replace('T', ' ');
}

/** A row of the log but for its user and its hash, and what of its line is the same for every user. */
interface Template {
  readonly row: Posting;
  readonly middle: string;
}

function middleOf(row: Posting): string {
  return [
    row.sequence,
    row.origin,
    row.requestId,
    row.requestHash.toString('hex'),
    row.type,
    row.amount,
    row.units,
    row.quotaRemaining,
    JSON.stringify(row.lots),
    row.consumeSequence ?? '\\N',
    row.taskId,
    row.taskType,
    row.description,
    row.actor,
    toSqlTime(row.createTime),
    row.hashVersion,
  ].join('\t');
}

/**
 * The log of one user, made by the ledger's own code, so that balances and hashes are what it would have written. All
 * users did the same things at the same time: for the others only the chain is made anew.
 */
function templatesOf(consumesEach: number, now: Date): readonly Template[] {
  const userId = userIdOf(0);
  const account = { userId, quotaRemaining: 0, logSequence: 0, logHash: CHAIN_START, logTime: now };
  const book = new Book({ ...account, lots: [], rows: [], charges: [], outcomes: [] }, now);
  book.grant({
    source: 'registration',
    sourceRef: 'registration',
    orderId: null,
    units: GRANTED_UNITS,
    expireTime: new Date(now.getTime() + GRANT_DAYS * MS_PER_DAY),
    actor: SYSTEM_ACTOR,
    description: '',
  });
  for (let number = 1; number <= consumesEach; number += 1) {
    const requestId = `seed-${number}`;
    const what = { amount: 1, taskId: `task-${requestId}`, taskType: 'image', description: 'try-on', actor: ACTOR };
    decide(book, { kind: 'ConsumeQuota', requestId, userId, ...what }, BENCH_POLICY);
  }
  return book.postings.map((row) => ({ row, middle: middleOf(row) }));
}

/** Joins lines into pieces, so that a stream of millions is not a stream of tiny chunks. */
function* inPieces(lines: Iterable<string>): Generator<Buffer> {
  let piece = '';
  for (const line of lines) {
    piece += `${line}\n`;
    if (piece.length < PIECE_BYTES) continue;
    yield Buffer.from(piece);
    piece = '';
  }
  if (piece !== '') yield Buffer.from(piece);
}

async function load(root: Connection, into: string, lines: Iterable<string>): Promise<void> {
  const sql = `LOAD DATA LOCAL INFILE 'generated' INTO TABLE ${into}`;
  const options = { sql, infileStreamFactory: () => Readable.from(inPieces(lines)) };
  await root.query(options as QueryOptions);
}

/** Writes a user as a line: with a balance and the head of a log. */
type UserLine = (user: number, quotaRemaining: number, logSequence: number, logHash: string) => string;

/** Fills the table of users with the lines of all in their order. */
async function loadUsers(
  root: Connection,
  database: string,
  now: Date,
  linesOf: (line: UserLine) => Iterable<string>,
): Promise<void> {
  const time = toSqlTime(now);
  const line: UserLine = (user, ...head) => [userIdOf(user), ...head, time, time].join('\t');
  const columns = 'id, quota_remaining, log_sequence, @hash, log_time, create_time';
  await load(root, `${database}.users (${columns}) SET log_hash = UNHEX(@hash)`, linesOf(line));
}

/** Fills the table of users with some who have neither units nor a log: enough to claim coupons, and to order. */
export async function seedNewcomers(root: Connection, database: string, lastUser: number, now: Date): Promise<void> {
  const start = CHAIN_START.toString('hex');
  await loadUsers(root, database, now, function* (line) {
    for (let user = 0; user <= lastUser; user += 1) yield line(user, 0, 0, start);
  });
}

/**
 * Does the work while a table has no triggers on INSERT: a lot that was used before can not be born otherwise, and a
 * million lots would each look for their GRANT row.
 */
async function withoutInsertTriggers(
  root: Connection,
  database: string,
  table: string,
  work: () => Promise<void>,
): Promise<void> {
  await root.query(`USE ${database}`);
  const [triggers] = await root.query<RowDataPacket[]>(`SHOW TRIGGERS WHERE \`Table\` = ? AND Event = 'INSERT'`, [
    table,
  ]);
  const statements: string[] = [];
  for (const { Trigger: name, sql_mode: sqlMode } of triggers as { Trigger: string; sql_mode: string }[]) {
    const [[made]] = await root.query<RowDataPacket[]>(`SHOW CREATE TRIGGER ${name}`);
    statements.push(`SET SESSION sql_mode = '${sqlMode}'`, String(made?.['SQL Original Statement']));
    await root.query(`DROP TRIGGER ${name}`);
  }
  await work();
  for (const statement of statements) await root.query(statement);
}

/** Fills the empty tables of a database. The rows come in the order of the primary keys, so that loading is fast. */
export async function seed(root: Connection, database: string, population: Population, now: Date): Promise<void> {
  const { lastUser, consumesEach } = population;
  const lastHashes = Buffer.alloc((lastUser + 1) * HASH_BYTES);
  const users = function* (): Generator<number> {
    for (let user = 0; user <= lastUser; user += 1) yield user;
  };
  const templates = templatesOf(consumesEach, now);
  const logLines = function* (): Generator<string> {
    for (const user of users()) {
      const userId = userIdOf(user);
      let hash = CHAIN_START;
      for (const { row, middle } of templates) {
        hash = chainHash(hash, { ...row, userId });
        yield `${userId}\t${middle}\t${hash.toString('hex')}`;
      }
      hash.copy(lastHashes, user * HASH_BYTES);
    }
  };
  const userLines = function* (line: UserLine): Generator<string> {
    for (const user of users()) {
      const hash = lastHashes.toString('hex', user * HASH_BYTES, (user + 1) * HASH_BYTES);
      yield line(user, GRANTED_UNITS - consumesEach, consumesEach + 1, hash);
    }
  };
  const grantLines = function* (): Generator<string> {
    const expireTime = toSqlTime(new Date(now.getTime() + GRANT_DAYS * MS_PER_DAY));
    const left = GRANTED_UNITS - consumesEach;
    const rest = `registration\tregistration\t${GRANTED_UNITS}\t${left}\t${expireTime}\t${toSqlTime(now)}`;
    for (const user of users()) yield `${userIdOf(user)}\t1\t${rest}`;
  };
  /** What was consumed then is settled by now. In the order of the primary key: by task, and tasks by their text. */
  const chargeLines = function* (): Generator<string> {
    const charged = templates.filter(({ row }) => row.type === 'CONSUME').map(({ row }) => row);
    charged.sort((first, second) => (first.taskId < second.taskId ? -1 : 1));
    const rest = charged.map(
      ({ taskId, sequence, units }) => `${taskId}\t${sequence}\tconsume\t${units}\t0\tsettled\t7`,
    );
    for (const user of users()) for (const line of rest) yield `${userIdOf(user)}\t${line}`;
  };
  // Without these checks MariaDB builds the indexes of an empty table by sorting; the rows are known to be right.
  await root.query('SET SESSION unique_checks = 0, foreign_key_checks = 0, check_constraint_checks = 0');
  await load(
    root,
    `${database}.quota_logs (user_id, sequence, origin, request_id, @request_hash, type, amount, units,
      quota_remaining, lots, consume_sequence, task_id, task_type, description, actor, create_time, hash_version, @hash)
      SET request_hash = UNHEX(@request_hash), hash = UNHEX(@hash)`,
    logLines(),
  );
  await loadUsers(root, database, now, userLines);
  await load(
    root,
    `${database}.quota_charges (user_id, task_id, sequence, kind, units, returned, state, grace_days)`,
    chargeLines(),
  );
  const grantColumns = 'user_id, grant_id, source, source_ref, amount, remaining, expire_time, create_time';
  await withoutInsertTriggers(root, database, 'quota_grants', () =>
    load(root, `${database}.quota_grants (${grantColumns})`, grantLines()),
  );
  await root.query('SET SESSION unique_checks = 1, foreign_key_checks = 1, check_constraint_checks = 1');
}
