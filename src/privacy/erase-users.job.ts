import { raw } from 'objection';
import { eraseIdentities } from '../membership';
import { erasePayers, readEndedOrderIds, readOpenOrders } from '../order';
import { eraseEvidence } from '../payment';
import { SYSTEM_ACTOR } from '../platform/calls';
import type { Clock } from '../platform/clock';
import type { FieldCipher } from '../platform/crypto/field-cipher';
import { appendAudit } from '../platform/db/audit-log';
import type { Database } from '../platform/db/database';
import { forgetContents } from '../platform/db/request-keys';
import { expectRows } from '../platform/db/rows';
import { readOnly, withTx, type Tx } from '../platform/db/tx';
import type { QueuedJob } from '../platform/jobs/queued-job';
import type { Logger } from '../platform/log';
import { addMs, MS_PER_DAY } from '../platform/time';
import { lockUser } from '../quota';
import { UserErasureRow } from './user-erasure.model';
import { lockErasure } from './user-erasure.queries';

/** What the job needs. */
export interface EraseParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly cipher: FieldCipher;
}

/** Orders whose data is erased in one transaction. */
const ORDERS_AT_ONCE_MAX = 50;
/** Until it is looked again whether an order still waits for payment. */
const OPEN_ORDER_PAUSE_MS = 600_000;
/**
 * How long after its start an erasure runs again: WeChat Pay may tell of a payment, or of a refund within the year that it
 * allows, when everything was erased, and names the payer again.
 */
const LATER_RUNS_DAYS = [1, 30, 400];
/** Requests that named who the user is. */
const NAMING_KINDS = ['RegisterUser', 'CreateOrder'];

/** Carries out erasures that were approved. One that was cut off goes on: what is erased already is found erased. */
export function eraseUsers(parts: EraseParts, concurrency: number): QueuedJob {
  const { db, clock } = parts;
  const readDue = (most: number) =>
    readOnly(db, (reader) =>
      UserErasureRow.query(reader).where('nextRunTime', '<=', clock.now()).orderBy('nextRunTime').limit(most),
    );
  return {
    name: 'erase-users',
    concurrency,
    findDue: async (most) => (await readDue(most)).map(({ id }) => id),
    oldestDue: async () => (await readDue(1))[0]?.nextRunTime ?? undefined,
    run: (id, signal) => eraseUser(parts, id, signal),
  };
}

async function eraseUser(parts: EraseParts, id: string, signal: AbortSignal): Promise<void> {
  const { db } = parts;
  const { userId } = await readOnly(db, (reader) => UserErasureRow.query(reader).findById(id).throwIfNotFound());
  const erasure = await begin(parts, id, userId);
  if (erasure === undefined) return;
  const until = erasure.startTime;
  let after = '';
  while (!signal.aborted) {
    const orderIds = await readEndedOrderIds(db, userId, until, { id: after, most: ORDERS_AT_ONCE_MAX });
    const last = orderIds.at(-1);
    if (last === undefined) break;
    await eraseOrders(parts, id, orderIds);
    after = last;
  }
  if (signal.aborted) return;
  await end(parts, erasure);
}

/** An erasure that is running. */
type Running = Pick<UserErasureRow, 'id' | 'userId' | 'runs'> & { readonly startTime: Date };

/** Lets an erasure run, if it is its turn and no order of the user's needs its payer any more; undefined otherwise. */
async function begin({ db, clock }: EraseParts, id: string, userId: string): Promise<Running | undefined> {
  const now = clock.now();
  return withTx(db, { name: 'BeginErasure' }, async (tx) => {
    // Under the user's lock no order is made: those that are there are all that there were.
    await lockUser(tx, userId);
    const erasure = await lockErasure(tx, id);
    if (erasure.nextRunTime === null || erasure.nextRunTime.getTime() > now.getTime()) return undefined;
    const open = await readOpenOrders(tx, userId, now);
    if (erasure.startTime === null && open.oldestId !== undefined) {
      await change(tx, id, { nextRunTime: addMs(now, OPEN_ORDER_PAUSE_MS) });
      return undefined;
    }
    const startTime = erasure.startTime ?? now;
    await change(tx, id, { state: 'running', startTime });
    return { id, userId, runs: erasure.runs, startTime };
  });
}

async function change(tx: Tx, id: string, fields: object): Promise<void> {
  expectRows(await UserErasureRow.query(tx).findById(id).patch(fields), 1, `erasure ${id}`);
}

/** Counted in the transaction that erases, so that the counts are right however often a run is cut off. */
async function eraseOrders({ db, cipher, clock }: EraseParts, id: string, orderIds: readonly string[]): Promise<void> {
  await withTx(db, { name: 'EraseOrders' }, async (tx) => {
    const payers = await erasePayers(tx, cipher, orderIds);
    const notifications = await eraseEvidence(tx, cipher, orderIds, clock.now());
    if (payers + notifications === 0) return;
    const counts = { payers: raw('payers + ?', [payers]), notifications: raw('notifications + ?', [notifications]) };
    await change(tx, id, counts);
  });
}

/** Last of all what names the person beside orders: a later run finds nothing of it, as nothing is registered twice. */
async function end({ db, clock, log }: EraseParts, { id, userId, runs, startTime }: Running): Promise<void> {
  const now = clock.now();
  const isFirst = runs === 0;
  const later = LATER_RUNS_DAYS[runs];
  const nextRunTime = later === undefined ? null : addMs(startTime, later * MS_PER_DAY);
  await withTx(db, { name: 'EndErasure' }, async (tx) => {
    const { state, runs: runsBefore, endTime } = await lockErasure(tx, id);
    // Another process came to the end first.
    if (state !== 'running' || runsBefore !== runs) return;
    const identities = isFirst ? await eraseIdentities(tx, userId) : 0;
    if (isFirst) await forgetContents(tx, `user:${userId}`, NAMING_KINDS, startTime);
    const counts = { runs: runs + 1, identities: raw('identities + ?', [identities]) };
    await change(tx, id, { ...counts, state: 'done', endTime: endTime ?? now, nextRunTime });
    if (isFirst) await auditEnd(tx, id, userId, now);
  });
  log.info({ erasure: id, runs: runs + 1 }, 'an erasure was carried out');
}

async function auditEnd(tx: Tx, id: string, userId: string, now: Date): Promise<void> {
  const { payers, notifications, identities } = await lockErasure(tx, id);
  const subject = { subjectType: 'erasure', subjectId: id, userId } as const;
  const after = { state: 'done', payers, notifications, identities };
  await appendAudit(
    tx,
    [{ action: 'EndErasure', actor: SYSTEM_ACTOR, ...subject, cause: id, before: { state: 'running' }, after }],
    now,
  );
}
