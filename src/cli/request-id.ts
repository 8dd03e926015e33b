import type { Command } from 'commander';
import { systemClock } from '../platform/clock';
import { mintId } from '../platform/ids';

/** The id by which a repeated command is known: one home for every command that changes something. */

/** What the option gives. */
export interface RequestOptions {
  readonly requestId?: string;
}

/** Adds the option; an id that is made here is shown with the answer, and with a failure (failure.ts). */
export function addRequestId(command: Command): Command {
  return command.option('--request-id <id>', 'of an earlier attempt, to repeat it; default: a new one');
}

/** The id that was given, or a new one. */
export function requestIdOf({ requestId }: RequestOptions): string {
  return requestId ?? `cli-${mintId(systemClock.now())}`;
}
