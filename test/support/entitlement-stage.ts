import { createTariffs } from '../../src/catalog';
import { ENTITLEMENT_SOURCE } from '../../src/membership';
import { DomainError } from '../../src/platform/errors';
import type { CallerQuotaCommand } from '../../src/quota/commands';
import type { TariffSource } from '../../src/quota/tariffs';
import { readInfra } from './infra';
import { openMembershipShop, type MembershipShop } from './membership-shop';
import { commandOf, POLICY } from './quota-account';
import { openQuotaLane, type QuotaLane } from './quota-lane';

/** Two lanes as two processes have them, with real tariffs and entitlements, beside a shop that sells memberships. */
export interface EntitlementStage {
  readonly shop: MembershipShop;
  readonly lane: QuotaLane;
  /** The lane of another process. */
  readonly other: QuotaLane;
  readonly tariffs: TariffSource;
  /** Announces a tariff (null: unlisted) as soon as may be, and lets it be that instant. Returns the instant. */
  list(taskType: string, tariff: { readonly units: number; readonly feature: string } | null): Promise<Date>;
  /** Announces it, and says from when on it holds. */
  announce(taskType: string, tariff: { readonly units: number; readonly feature: string } | null): Promise<Date>;
  /** What a command comes to, in a word: `ok`, `replayed`, or its refusal with its metadata. */
  send(command: CallerQuotaCommand, lane?: QuotaLane): Promise<string>;
  /** Takes units for a task type under a new id, or the id named. */
  take(userId: string, taskType: string, amount: number, fields?: Fields): Promise<string>;
  /** What limits have seen, as `feature in period: units`. */
  used(userId: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

interface Fields {
  readonly requestId?: string;
  readonly taskId?: string;
  readonly lane?: QuotaLane;
}

const LEAD_MS = 60_000;

/** The refusal as a word, with what it says for machines. */
function wordOf(error: unknown): string {
  if (!(error instanceof DomainError)) throw error;
  const fields = error.fieldViolations.map(({ field }) => field);
  const values = Object.entries(error.metadata).map(([name, value]) => `${name}=${value}`);
  return [error.reason, ...fields, ...values].join(' ');
}

/** Opens a stage; with a suffix on another database than the first of the file. */
export async function openEntitlementStage(graceDays = 0, databaseSuffix = ''): Promise<EntitlementStage> {
  const infra = readInfra();
  const shop = await openMembershipShop({ graceDays, databaseSuffix });
  const { db, pool, clock } = shop;
  const openLane = (tariffs: TariffSource): QuotaLane =>
    openQuotaLane(infra, db, clock, POLICY, { tariffs, entitlements: ENTITLEMENT_SOURCE });
  const tariffs = createTariffs({ db: pool });
  const lane = openLane(tariffs);
  const other = openLane(createTariffs({ db: pool }));
  let made = 0;

  const stage: EntitlementStage = {
    ...{ shop, lane, other, tariffs },
    announce: async (taskType, tariff) => {
      const now = clock.now();
      const from = new Date(now.getTime() + LEAD_MS);
      const { units = null, feature = null } = tariff ?? {};
      const columns = 'task_type, units, feature, valid_from, create_time';
      await db.query(`INSERT INTO task_tariffs (${columns}) VALUES (?)`, [[taskType, units, feature, from, now]]);
      return from;
    },
    list: async (taskType, tariff) => {
      const from = await stage.announce(taskType, tariff);
      clock.stopAt(from);
      return from;
    },
    send: async (command, on = lane) => {
      try {
        return (await on.commits.submit(command)).replayed ? 'replayed' : 'ok';
      } catch (error) {
        return wordOf(error);
      }
    },
    take: (userId, taskType, amount, { requestId = `take-${(made += 1)}`, taskId = '', lane: on } = {}) =>
      stage.send(commandOf.consume({ userId, requestId, amount, taskType, taskId }), on),
    used: async (userId) => {
      const rows = await db.query('SELECT * FROM feature_usages WHERE user_id = ? ORDER BY period_no, feature', [
        userId,
      ]);
      return rows.map(({ feature, period_no, used }) => `${String(feature)} in ${Number(period_no)}: ${Number(used)}`);
    },
    close: async () => {
      await lane.close();
      await other.close();
      await shop.close();
    },
  };
  return stage;
}
