import { setTimeout as pause } from 'node:timers/promises';
import type { Failure } from './failure';

/** Gives to many users, some at a time, and tells what became of it. Knows neither gRPC nor the terminal. */

/** What became of one user's gift. */
export type GiftOutcome = 'given' | 'had it';

/** A user whose gift was refused. */
export interface RefusedGift {
  readonly userId: string;
  readonly failure: Failure;
}

/** What became of all. given + hadIt + refused + notTried are the users of the list. */
export interface GiftRun {
  readonly given: number;
  /** Had the gift before, by an earlier run or otherwise. */
  readonly hadIt: number;
  readonly refused: readonly RefusedGift[];
  /** Not tried any more, after something that nobody after it would have fared better with. */
  readonly notTried: number;
}

/** Worth another try under the same request id. */
const RETRIED = new Set(['ABORTED', 'RESOURCE_EXHAUSTED', 'UNAVAILABLE', 'DEADLINE_EXCEEDED']);
const ATTEMPTS_MAX = 6;
const FIRST_PAUSE_MS = 200;

/** The one user's own refusals; whatever else refuses one, refuses all. */
const OWN_REASONS: ReadonlySet<string | null> = new Set(['USER_NOT_FOUND', 'INVALID_REQUEST', 'REQUEST_ID_REUSED']);

/** One user, with another try where that helps. Never rejects. */
async function giveOne(
  userId: string,
  give: (userId: string) => Promise<GiftOutcome>,
  readFailure: (error: unknown) => Failure,
): Promise<GiftOutcome | RefusedGift> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await give(userId);
    } catch (error) {
      const failure = readFailure(error);
      if (failure.reason === 'GIFT_ALREADY_GRANTED') return 'had it';
      if (!RETRIED.has(failure.code) || attempt === ATTEMPTS_MAX) return { userId, failure };
      await pause(FIRST_PAUSE_MS * 2 ** (attempt - 1));
    }
  }
}

/**
 * Gives to every user of a list, `atOnce` at a time. Ends early at a refusal that is not one user's own, such as an exhausted
 * budget. `tell` is called after each user with what became of all so far.
 */
export async function grantGifts(
  userIds: readonly string[],
  parts: {
    readonly atOnce: number;
    readonly give: (userId: string) => Promise<GiftOutcome>;
    readonly readFailure: (error: unknown) => Failure;
    readonly tell: (run: GiftRun) => void;
  },
): Promise<GiftRun> {
  let run: GiftRun = { given: 0, hadIt: 0, refused: [], notTried: userIds.length };
  const waiting = [...userIds];
  const work = async (): Promise<void> => {
    for (let userId = waiting.shift(); userId !== undefined; userId = waiting.shift()) {
      const outcome = await giveOne(userId, parts.give, parts.readFailure);
      run = addOutcome(run, outcome);
      if (typeof outcome !== 'string' && !OWN_REASONS.has(outcome.failure.reason)) waiting.length = 0;
      parts.tell(run);
    }
  };
  await Promise.all(Array.from({ length: parts.atOnce }, work));
  return run;
}

function addOutcome(run: GiftRun, outcome: GiftOutcome | RefusedGift): GiftRun {
  const notTried = run.notTried - 1;
  if (outcome === 'given') return { ...run, given: run.given + 1, notTried };
  if (outcome === 'had it') return { ...run, hadIt: run.hadIt + 1, notTried };
  return { ...run, refused: [...run.refused, outcome], notTried };
}
