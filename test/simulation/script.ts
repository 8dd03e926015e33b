import type { Terms } from './oracle';

/** What a user does, and when: the same for the oracle and for the service. Keys are unique per user. */
export type Step =
  | { readonly do: 'register' }
  | { readonly do: 'order'; readonly key: string; readonly kind: 'purchase' | 'upgrade'; readonly terms: Terms }
  | { readonly do: 'pay'; readonly order: string }
  | { readonly do: 'cancel'; readonly order: string }
  | { readonly do: 'refund'; readonly key: string; readonly order: string; readonly amount: number }
  | { readonly do: 'endRefund'; readonly refund: string; readonly end: 'succeeded' | 'closed' }
  | { readonly do: 'consume'; readonly key: string; readonly units: number }
  | { readonly do: 'giveBack'; readonly key: string; readonly of: string; readonly units: number }
  | { readonly do: 'gift'; readonly campaign: Campaign }
  | { readonly do: 'look' };

/** A gift campaign. */
export interface Campaign {
  readonly key: string;
  readonly units: number;
  readonly validDays: number;
}

/** A step at an instant, with the answers that are right: one is enough, more than one where several refusals are. */
export interface Act {
  readonly user: string;
  readonly step: Step;
  readonly answers: readonly string[];
}

/** All that happens at one instant, in order for each user. */
export interface Moment {
  readonly time: number;
  /** Whether the jobs run first: everything that is due by now happens. */
  readonly isTick: boolean;
  readonly acts: readonly Act[];
}

/** A plan of the simulation, with its price versions: each is in force from a time on. */
export interface SimulatedPlan {
  readonly id: string;
  readonly versions: readonly { readonly from: number; readonly terms: Terms }[];
}

/** The price version of a plan in force at an instant. */
export function termsAt({ id, versions }: SimulatedPlan, now: number): Terms {
  const version = versions.filter(({ from }) => from <= now).at(-1);
  if (version === undefined) throw new Error(`${id} is not on sale yet`);
  return version.terms;
}
