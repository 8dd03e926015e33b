import { Model } from 'objection';
import type { PeriodUnit } from '../platform/time';

/** A row of `plan_prices` joined with its plan: what is sold under one price version. */
export class PlanPriceRow extends Model {
  static override tableName = 'plan_prices';

  declare id: number;
  declare planId: string;
  declare listPrice: number;
  declare price: number;
  declare currency: string;
  declare periodUnit: PeriodUnit;
  declare periodCount: number;
  declare quotaUnits: number;
  /** JSON of string[]. */
  declare features: string;
  declare taxRateBasisPoints: number;
  declare validFrom: Date;
  declare validTo: Date | null;
  /** Joined from `plans`. */
  declare planName: string;
}
