import type { GrantSource } from '../../src/quota/account';

/** What the oracle of the quota ledger remembers. */

/** What units came from. */
export interface OracleLot {
  readonly source: GrantSource;
  readonly expireMs: number;
  isRevoked: boolean;
}

/** One unit of quota, followed by itself for its whole life. */
export interface Unit {
  readonly lot: OracleLot;
  state: 'usable' | 'held' | 'consumed' | 'expired' | 'revoked';
}

/** What was taken or set aside in one go. */
export interface OracleCharge {
  readonly id: string;
  readonly kind: 'consume' | 'hold' | 'freeze';
  readonly taskId: string;
  readonly units: number;
  /** Units that have not come back, the first taken first. */
  out: readonly Unit[];
  state: 'open' | 'settled' | 'released';
  /** When the sweeper asks. */
  readonly dueMs: number;
  readonly graceMs: number;
  /** Until when units that came back late to a lot live on. */
  readonly deadlines: Map<OracleLot, number>;
  /** The limit that what is out counts against. */
  readonly limit: OracleLimit | undefined;
}

/** A limit: of a feature in a period. */
export interface OracleLimit {
  readonly feature: string;
  readonly periodNo: number;
}

/** What task types cost, and the feature each asks for. */
export type OracleTariffs = Readonly<Record<string, { readonly units: number; readonly feature: string }>>;

/** What the user holds. */
export interface OracleHeld {
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  readonly periodNo: number | null;
}

/** What a command did. */
export interface Effect {
  /** Its own rows, such as `REFUND 3`. */
  readonly rows: readonly string[];
  readonly quotaRemaining: number;
  readonly replayed: boolean;
  readonly chargesSettled?: number;
  /** How the hold that it is about stands now. */
  readonly hold?: OracleCharge['state'];
}

/** What a command came to: its effect, or the reason it was refused. */
export type Verdict = Effect | { readonly refused: string };

/** An earlier effect under an id. */
export interface Seen {
  readonly content: string;
  readonly effect: Effect;
  /** What the command took, set aside or settled. */
  readonly charge: OracleCharge | undefined;
}

/** Soonest expiry first. */
export function byExpiry(a: Unit, b: Unit): number {
  if (a.lot.expireMs === b.lot.expireMs) return 0;
  return a.lot.expireMs < b.lot.expireMs ? -1 : 1;
}

/** Free before paid. */
export function paid(unit: Unit): number {
  return unit.lot.source === 'membership' ? 1 : 0;
}
