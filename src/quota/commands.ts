import { contentHash } from '../platform/request-content';
import type { Charge, Posting } from './account';

/**
 * The commands of the quota ledger, as a closed set. Each comes from a caller under a request_id, or from the sweeper
 * under the charge it settles.
 */

interface CallerCommand {
  readonly requestId: string;
  readonly userId: string;
  /** The mTLS identity of the caller. */
  readonly actor: string;
}

/** Take units for a task. */
export interface ConsumeCommand extends CallerCommand {
  readonly kind: 'ConsumeQuota';
  readonly amount: number;
  readonly taskId: string;
  readonly taskType: string;
  readonly description: string;
}

/** Return units of a consume or of a captured hold; amount 0 means all that is left. */
export interface RefundCommand extends CallerCommand {
  readonly kind: 'RefundQuota';
  readonly consumeRequestId: string;
  readonly amount: number;
  readonly reason: string;
}

/** Set units aside for a task. */
export interface HoldCommand extends CallerCommand {
  readonly kind: 'HoldQuota';
  readonly amount: number;
  readonly taskId: string;
  readonly taskType: string;
  readonly description: string;
  /** Until it is asked about; 0: the policy's. */
  readonly ttlMs: number;
}

/** Take units of a hold for good and free the rest. */
export interface CaptureCommand extends CallerCommand {
  readonly kind: 'CaptureQuota';
  readonly holdId: string;
  readonly amount: number;
}

/** Free all units of a hold. */
export interface ReleaseCommand extends CallerCommand {
  readonly kind: 'ReleaseQuota';
  readonly holdId: string;
  readonly reason: string;
}

/** Say how a task ended. */
export interface OutcomeCommand extends CallerCommand {
  readonly kind: 'ReportTaskOutcome';
  readonly taskId: string;
  readonly outcome: 'SUCCEEDED' | 'FAILED';
}

/** The sweeper settles one charge: its task ended, or it is a hold without a task whose time is over. */
export interface SettleCommand {
  readonly kind: 'SettleCharge';
  readonly userId: string;
  readonly actor: string;
  readonly taskId: string;
  readonly sequence: number;
  readonly outcome: 'SUCCEEDED' | 'FAILED';
  readonly reason: string;
}

/** The commands that callers send under a request_id of theirs. */
export type CallerQuotaCommand =
  ConsumeCommand | RefundCommand | HoldCommand | CaptureCommand | ReleaseCommand | OutcomeCommand;

export type QuotaCommand = CallerQuotaCommand | SettleCommand;

/** What a command did: its own rows, new or found again. */
export interface QuotaOutcome {
  /** The rows the command is about, oldest first: one for all but ReportTaskOutcome. Side effects are not among them. */
  readonly logs: readonly Posting[];
  readonly quotaRemaining: number;
  readonly replayed: boolean;
  /** When it took effect. */
  readonly effectTime: Date;
  /** The hold that the command is about, with the row that made it. */
  readonly hold?: { readonly row: Posting; readonly charge: Charge };
  /** How many charges a report about a task settled. */
  readonly chargesSettled?: number;
  /** Whether what was taken or set aside is of a listed task type. */
  readonly isListed?: boolean;
}

/** Rules that are data. They are stored with what they were applied to, so that a change never reaches back. */
export interface QuotaPolicy {
  /** How long units that come back to an expired lot can still be used. */
  readonly compensationGraceDays: number;
  /** How long a charge may stay unsettled until the task service is asked. */
  readonly settleAfterMs: number;
  /** How long after that a case is opened if the outcome is still unknown. */
  readonly caseAfterMs: number;
  /** Below how many units a balance is low, which is told when it falls there; 0: never. */
  readonly lowUnits: number;
}

/** Every field of a command but its id and its user, in proto names: what is compared when a request_id comes again. */
export function contentOf(command: CallerQuotaCommand): Readonly<Record<string, string | number>> {
  switch (command.kind) {
    case 'ConsumeQuota': {
      const { amount, taskId, taskType, description } = command;
      return { amount, task_id: taskId, task_type: taskType, description };
    }
    case 'RefundQuota': {
      const { consumeRequestId, amount, reason } = command;
      return { consume_request_id: consumeRequestId, amount, reason };
    }
    case 'HoldQuota': {
      const { amount, taskId, taskType, description, ttlMs } = command;
      return { amount, task_id: taskId, task_type: taskType, description, ttl_ms: ttlMs };
    }
    case 'CaptureQuota':
      return { hold_id: command.holdId, amount: command.amount };
    case 'ReleaseQuota':
      return { hold_id: command.holdId, reason: command.reason };
    case 'ReportTaskOutcome':
      return { task_id: command.taskId, outcome: command.outcome };
  }
}

/** The hash of a command's content. */
export function commandHash(command: CallerQuotaCommand): Buffer {
  return contentHash(command.kind, contentOf(command));
}
