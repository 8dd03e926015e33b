import { raw } from 'objection';
import type { Clock } from '../platform/clock';
import type { Database } from '../platform/db/database';
import { isDuplicateKey } from '../platform/db/sql-errors';
import { readOnly, withTx } from '../platform/db/tx';
import type { JobSlots } from '../platform/jobs/job-storage';
import { addMs, MS_PER_MINUTE } from '../platform/time';
import { SlotRow } from './dead-letter.model';

/** How long a process has the work of a day or an hour for itself; work says after each turn that it goes on, so whoever died is waited for no longer. */
const LEASE_MS = MS_PER_MINUTE;

/** The days and hours of jobs in the database. */
export function createJobSlots({ db, clock }: { readonly db: Database; readonly clock: Clock }): JobSlots {
  const lease = (): Date => addMs(clock.now(), LEASE_MS);
  const change = async (
    job: string,
    slot: string,
    fields: { readonly leaseTime: Date } | { readonly endTime: Date },
  ) => {
    await withTx(db, { name: 'ChangeJobSlot' }, async (tx) => {
      await SlotRow.query(tx).where({ job, slot }).whereNull('endTime').patch(fields);
    });
  };
  return {
    isFree: async (job, slot) => {
      const row = await readOnly(db, (reader) => SlotRow.query(reader).findById([job, slot]));
      return row === undefined || (row.endTime === null && row.leaseTime <= clock.now());
    },
    take: (job, slot) => take(db, { job, slot }, clock.now(), lease()),
    hold: (job, slot) => change(job, slot, { leaseTime: lease() }),
    giveBack: (job, slot) => change(job, slot, { leaseTime: clock.now() }),
    end: (job, slot) => change(job, slot, { endTime: clock.now() }),
  };
}

/** Takes a slot by a conditional write, or by being the first to name it. */
async function take(
  db: Database,
  key: { readonly job: string; readonly slot: string },
  now: Date,
  leaseTime: Date,
): Promise<boolean> {
  try {
    return await withTx(db, { name: 'TakeJobSlot' }, async (tx) => {
      const again = { leaseTime, attempts: raw('attempts + 1') };
      const free = SlotRow.query(tx).where(key).whereNull('endTime').where('leaseTime', '<=', now);
      if ((await free.patch(again)) === 1) return true;
      if ((await SlotRow.query(tx).findOne(key)) !== undefined) return false;
      await SlotRow.query(tx).insert({ ...key, attempts: 1, startTime: now, leaseTime, endTime: null });
      return true;
    });
  } catch (error) {
    // Somebody else named it at the same moment and was first.
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}
