import { Model } from 'objection';
import type { PeriodUnit } from '../platform/time';
import type { PlanKind } from './plan-terms';

/** Whether a plan is offered. */
export type PlanStatus = 'active' | 'retired';

/** A row of `plans`. */
export class PlanRow extends Model {
  static override tableName = 'plans';

  declare id: string;
  declare name: string;
  declare kind: PlanKind;
  declare status: PlanStatus;
  declare createTime: Date;
}

/** A row of `plan_prices`: what a plan sells under one price version. */
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
  /** How often units are given; both NULL: once, for the whole period. */
  declare grantUnit: PeriodUnit | null;
  declare grantCount: number | null;
  /** JSON of {feature: units of one period}; NULL: nothing is limited. */
  declare featureLimits: string | null;
  declare validFrom: Date;
  declare validTo: Date | null;
  declare createTime: Date;
  /** Joined from `plans`, where a query says so. */
  declare planName: string;
}
