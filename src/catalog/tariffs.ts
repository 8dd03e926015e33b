import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import type { Tariff, TariffSource } from '../quota';
import { TaskTariffRow } from './task-tariff.model';

/**
 * The tariffs as every process knows them without asking. It looks at the database every few seconds, and a tariff is announced
 * longer ahead than any process goes without looking: all of them apply it from its very instant on.
 */

/** How long ahead a tariff is announced; the database keeps it too (task_tariffs_announced). */
export const TARIFF_LEAD_MS = 60_000;
/** From this age on what is known is renewed, while it is still used. */
const RENEW_AFTER_MS = 10_000;
/** After a look that nobody waited for, whatever it found, the next one of that kind. */
const LOOK_AGAIN_MS = 1_000;
/**
 * Up to this age it is used. With the longest transaction that adds one (5 s) and clocks that differ by a second it leaves
 * nothing of the lead uncovered.
 */
const USABLE_MS = 30_000;

/** What holds from an instant on. */
interface Step {
  readonly fromMs: number;
  /** Undefined: unlisted. */
  readonly tariff: Tariff | undefined;
}

/** By task type, latest first. */
type Known = ReadonlyMap<string, readonly Step[]>;

async function readAll(db: Database): Promise<Known> {
  const rows = await readOnly(db, (reader) => TaskTariffRow.query(reader).orderBy('validFrom', 'desc'));
  const known = new Map<string, Step[]>();
  for (const { taskType, units, feature, validFrom } of rows) {
    const tariff = units === null || feature === null ? undefined : { units, feature };
    const steps = known.get(taskType) ?? [];
    steps.push({ fromMs: validFrom.getTime(), tariff });
    known.set(taskType, steps);
  }
  return known;
}

/** What the cache is made of. */
export interface TariffsParts {
  readonly db: Database;
  /** Told when a look at the database failed that nobody waited for; what is known is used on. */
  readonly onFailure?: (error: unknown) => void;
}

/** The tariffs of `task_tariffs`, for the lane of quota commands. */
export function createTariffs({ db, onFailure }: TariffsParts): TariffSource {
  let known: Known = new Map();
  let knownMs = Number.NEGATIVE_INFINITY;
  let triedMs = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;

  /** One look at a time, whoever waits for it. What it finds is as old as its beginning. */
  const look = (nowMs: number): Promise<void> => {
    looking ??= readAll(db)
      .then((found) => {
        known = found;
        knownMs = nowMs;
      })
      .finally(() => {
        looking = undefined;
      });
    return looking;
  };

  return {
    tariffOf: (taskType, now) => {
      const steps = known.get(taskType);
      return steps?.find(({ fromMs }) => fromMs <= now.getTime())?.tariff;
    },
    ready: async (now) => {
      const nowMs = now.getTime();
      // A clock that was set back makes what is known no younger.
      const ageOf = (): number => Math.abs(nowMs - knownMs);
      if (ageOf() <= RENEW_AFTER_MS) return;
      if (ageOf() <= USABLE_MS) {
        if (Math.abs(nowMs - triedMs) < LOOK_AGAIN_MS) return;
        triedMs = nowMs;
        look(nowMs).catch((error: unknown) => onFailure?.(error));
        return;
      }
      await look(nowMs);
      // It may have been begun by somebody whose clock was behind; what is too old by this one's is looked at again.
      if (ageOf() > USABLE_MS) await look(nowMs);
    },
  };
}
