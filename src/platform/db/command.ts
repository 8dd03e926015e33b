import { platformErrors } from '../errors';
import { contentHash, type ContentValue } from '../request-content';
import { auditWrites, requestName, serveRequest, type AuditEntry } from './audit-log';
import type { Database } from './database';
import { eventWrites, type OutboxEvent } from './outbox';
import { isDuplicateKey } from './sql-errors';
import { literal } from './sql-text';
import { insertOf, readerOf, writeTogether, type Write } from './statements';
import { withTx, type Tx } from './tx';

/** One mutating request. */
export interface Command {
  /** The gRPC service: request ids are unique per owner and service. */
  readonly service: string;
  /** Whose id space it is: the user, or the caller where the request names none. */
  readonly owner: string;
  readonly requestId: string;
  /** The RPC's name. */
  readonly kind: string;
  /** Every field but request_id. */
  readonly content: Readonly<Record<string, ContentValue>>;
  readonly now: Date;
  readonly signal?: AbortSignal;
}

/** What a command did. `response` is stored with the key and must survive JSON. */
export interface CommandEffect<Response> {
  readonly response: Response;
  readonly audit: readonly AuditEntry[];
  readonly events: readonly OutboxEvent[];
  /**
   * Counts on a row that the commands of many users share, such as a budget: done last of all, so that the row is locked
   * for one statement and COMMIT (docs/adr/0008). May still refuse: nothing of the command happens then.
   */
  readonly countLast?: (tx: Tx) => Promise<void>;
}

/** The answer of a command, and whether it is an earlier one. */
export interface CommandResult<Response> {
  readonly response: Response;
  readonly replayed: boolean;
}

async function findEarlier<Response>(tx: Tx, command: Command, hash: Buffer): Promise<Response | undefined> {
  const { owner, service, requestId } = command;
  // As text, like all that every command says to the database: building it costs more than running it.
  const key = `owner = ${literal(owner)} AND service = ${literal(service)} AND request_id = ${literal(requestId)}`;
  const [rows] = await readerOf(tx)([{ sql: `SELECT content_hash, response FROM request_keys WHERE ${key}` }]);
  const [row] = rows ?? [];
  if (row === undefined) return undefined;
  const [contentSeen, response] = row as readonly [Buffer, string];
  if (!contentSeen.equals(hash)) throw platformErrors.REQUEST_ID_REUSED({ metadata: { request_id: requestId } });
  return JSON.parse(response) as Response;
}

const KEY_COLUMNS = ['owner', 'service', 'request_id', 'kind', 'content_hash', 'response', 'create_time'];

function keyWrite({ owner, service, requestId, kind, now }: Command, hash: Buffer, response: unknown): Write {
  return insertOf('request_keys', KEY_COLUMNS, [
    [owner, service, requestId, kind, hash, JSON.stringify(response), now],
  ]);
}

/**
 * The one write path of everything but quota: opens the transaction, takes the locks, looks the key up, runs the use
 * case, and writes audit, events and the key with the response, all in one commit. Idempotent: the same key and
 * content get the first response, other content REQUEST_ID_REUSED. A refusal rolls back and is not stored, so the same
 * id is judged afresh. A duplicate that raced past the look-up fails on the key, rolls back and gets the first response.
 */
export async function runCommand<Locked, Response>(
  db: Database,
  command: Command,
  steps: {
    /** Takes the command's row locks in the documented order (docs/architecture.md), and throws if what it needs is absent. */
    readonly lock: (tx: Tx) => Promise<Locked>;
    readonly run: (tx: Tx, locked: Locked) => Promise<CommandEffect<Response>>;
  },
): Promise<CommandResult<Response>> {
  const hash = contentHash(command.kind, command.content);
  const request = requestName(command);
  const perform = async (tx: Tx): Promise<CommandResult<Response>> => {
    serveRequest(tx, request);
    const locked = await steps.lock(tx);
    const earlier = await findEarlier<Response>(tx, command, hash);
    if (earlier !== undefined) return { response: earlier, replayed: true };
    const effect = await steps.run(tx, locked);
    const audit = effect.audit.map((entry) => ({ entry, request, createTime: command.now }));
    const traces = [...auditWrites(audit), ...eventWrites(effect.events, command.now)];
    await writeTogether(tx, [...traces, keyWrite(command, hash, effect.response)]);
    await effect.countLast?.(tx);
    return { response: effect.response, replayed: false };
  };
  const options = { name: command.kind, signal: command.signal };
  try {
    return await withTx(db, options, perform);
  } catch (error) {
    // Somebody else committed the same key (or the same new row) in between: now it can be seen.
    if (!isDuplicateKey(error)) throw error;
    return await withTx(db, options, perform);
  }
}
