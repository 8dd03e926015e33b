import type { Read, ValueRow } from '../platform/db/statements';

/**
 * What a task costs and what it asks of its user, as the lane of quota commands has to know it. Others say it: the catalogue
 * its tariffs, the membership domain what a user holds. Both are asked without naming them, because they stand on quota.
 */

/** What a listed task type costs, from some instant on. */
export interface Tariff {
  /** Units that one task takes, at least 1. */
  readonly units: number;
  /** The feature that its user must hold. */
  readonly feature: string;
}

/** The tariffs, known without asking: it is looked at for every command. */
export interface TariffSource {
  /** The tariff in force at an instant; undefined: the task type is not listed, and passes as sent. */
  tariffOf(taskType: string, now: Date): Tariff | undefined;
  /**
   * Resolves when what is known is recent enough to be used at an instant: at once, but for a look at the database once in
   * a while. A tariff is announced longer ahead than that, so that every process applies it from its very instant on.
   * Rejects with DATABASE_UNAVAILABLE when what is known is too old and can not be renewed: nothing is taken on a guess.
   */
  ready(now: Date): Promise<void>;
}

/** What a user may use at an instant. */
export interface Entitlements {
  readonly features: ReadonlySet<string>;
  /** Units of a feature that the period allows; features that are not named are not limited. */
  readonly limits: ReadonlyMap<string, number>;
  /** The period whose features they are, running or in its grace: limits count in it. Null: only what everybody has. */
  readonly periodNo: number | null;
}

/** Where entitlements are read: beside the accounts of a batch, in the same round trip, under the users' locks. */
export interface EntitlementSource {
  /** The statements that read what these users hold at some instant from `notBefore` on. */
  reads(userIds: readonly string[], notBefore: Date): readonly Read[];
  /** What the results of those statements, in their order, say of a user at an instant. */
  entitlementsOf(results: readonly (readonly ValueRow[])[], userId: string, now: Date): Entitlements;
}

/** What is known of a listed command when it is decided. */
export interface Terms {
  readonly tariff: Tariff;
  readonly entitlements: Entitlements;
}
