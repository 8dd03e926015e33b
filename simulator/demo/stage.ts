import type { Billing } from './billing';
import type { ProofDatabase } from './database';
import type { Report } from './report';

/** What every step plays with. */
export interface Stage {
  readonly report: Report;
  /** The AI task service: consumes and returns quota. */
  readonly aiTasks: Billing;
  /** The order service: registers users and sells memberships. */
  readonly orders: Billing;
  /** Operations: make promotions, plans and gift campaigns. */
  readonly operations: Billing;
  /** Another person of operations: what two must agree to. */
  readonly secondOperator: Billing;
  /** Finance: refunds. */
  readonly finance: Billing;
  /** The local WeChat Pay. */
  readonly wechatpayUrl: string;
  readonly database: ProofDatabase;
  /** For the checks that open a connection of their own. */
  readonly databaseUrl: string;
  /** Where the stream of events is. */
  readonly redisUrl: string;
  /** The user of this run; new every time. */
  readonly userId: string;
}
