import { isPerson, type Caller } from '../calls';
import type { Clock } from '../clock';
import type { Database } from '../db/database';
import { insertOf, writeTogether } from '../db/statements';
import { withTx } from '../db/tx';

/** What a read shows, and which field of its request names it. */
export interface SensitiveRead {
  /** For example `order`. */
  readonly subjectType: string;
  /** The field as it is called in TypeScript; none where the request names nothing. */
  readonly subjectField?: string;
}

/** The reads that are written down when a person makes them, by full name. */
export type SensitiveReads = Readonly<Record<string, SensitiveRead>>;

/** Writes down what people look at. */
export interface AccessLog {
  /**
   * Resolves when the look is committed; undefined where it needs no record: a service's own reads, and what is nobody's.
   * Rejects with DATABASE_UNAVAILABLE, OVERLOADED or CONTENTION when it can not be written: the answer must not leave then.
   */
  record(caller: Caller, rpc: string, request: unknown): Promise<void> | undefined;
}

const COLUMNS = ['actor', 'role', 'rpc', 'subject_type', 'subject_id', 'user_id', 'create_time'];

/** The access log in the database. */
export function createAccessLog(parts: {
  readonly db: Database;
  readonly clock: Clock;
  readonly reads: SensitiveReads;
}): AccessLog {
  const { db, clock } = parts;
  const reads = new Map(Object.entries(parts.reads));
  return {
    record: ({ role, identity }, rpc, request) => {
      const read = reads.get(rpc);
      if (read === undefined || !isPerson(role)) return undefined;
      const subjectId = textOf(request, read.subjectField) ?? '';
      // The package is the same for all.
      const shortRpc = rpc.slice(rpc.lastIndexOf('.') + 1);
      const userId = textOf(request, 'userId') ?? null;
      const row = [identity, role, shortRpc, read.subjectType, subjectId, userId, clock.now()];
      return withTx(db, { name: 'LogAccess' }, (tx) => writeTogether(tx, [insertOf('access_logs', COLUMNS, [row])]));
    },
  };
}

/** A text that a request holds; undefined where it is empty. The handler has checked it: here it was answered already. */
function textOf(request: unknown, field: string | undefined): string | undefined {
  if (field === undefined || typeof request !== 'object' || request === null) return undefined;
  const value = (request as Readonly<Record<string, unknown>>)[field];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
