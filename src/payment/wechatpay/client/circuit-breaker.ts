/**
 * Keeps calls away from a host that does not work, so that callers are told at once and the host can recover. Pure but
 * for the clock that it is given.
 *
 * closed: everybody may call. After a run of failures → open: nobody may. After a pause → half-open: one call at a time
 * finds out; if it works → closed, if it fails → open again.
 */

/** How a call that was admitted ended. `untold`: it says nothing about the host, as when the caller gave up. */
export type CallHealth = 'worked' | 'failed' | 'untold';

/** Leave to make one call. It must be settled, once. */
export interface Admission {
  settle(health: CallHealth): void;
}

export interface CircuitBreaker {
  /** Undefined while no call should be made. */
  admit(): Admission | undefined;
}

interface CircuitBreakerOptions {
  /** Failures without a success in between that open it. */
  readonly failuresMax: number;
  /** How long it stays open until one call tries again. */
  readonly openMs: number;
  /** Milliseconds that only grow. */
  readonly now: () => number;
  readonly onChange: (state: 'open' | 'closed') => void;
}

/** Makes a closed breaker. */
export function createCircuitBreaker(options: CircuitBreakerOptions): CircuitBreaker {
  const { failuresMax, openMs, now, onChange } = options;
  let failures = 0;
  /** Undefined while closed. */
  let openUntilMs: number | undefined;
  let isProbing = false;
  // Calls admitted before the last change tell of the host as it was then.
  let era = 0;

  const open = (): void => {
    if (openUntilMs === undefined) onChange('open');
    openUntilMs = now() + openMs;
    era += 1;
  };
  const close = (): void => {
    if (openUntilMs !== undefined) onChange('closed');
    openUntilMs = undefined;
    failures = 0;
    era += 1;
  };
  const settleOrdinary = (health: CallHealth): void => {
    if (health === 'worked') failures = 0;
    if (health !== 'failed') return;
    failures += 1;
    if (failures >= failuresMax) open();
  };
  const settleProbe = (health: CallHealth): void => {
    isProbing = false;
    if (health === 'worked') close();
    if (health === 'failed') open();
  };

  return {
    admit() {
      const admittedIn = era;
      if (openUntilMs === undefined) {
        return { settle: (health) => (era === admittedIn ? settleOrdinary(health) : undefined) };
      }
      if (isProbing || now() < openUntilMs) return undefined;
      isProbing = true;
      return { settle: settleProbe };
    },
  };
}
