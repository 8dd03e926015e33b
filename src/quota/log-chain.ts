import { sha256 } from '../platform/crypto/sha256';
import type { Posting } from './account';

/**
 * The hash chain of a user's log: hash = SHA-256(hash of the row before ‖ canonical form of the row). Whoever changes,
 * drops or inserts a row breaks every hash after it. The canonical form and a test vector are in docs/invariants.md.
 */
export const HASH_VERSION = 1;

/** What the first row's hash follows on: 32 zero bytes. */
export const CHAIN_START: Buffer = Buffer.alloc(32);

/** A posting before it has its place in the chain. */
export type UnchainedPosting = Omit<Posting, 'hash' | 'hashVersion'>;

/** Version 1: UTF-8 JSON of an array with fixed positions. Amounts are integers, hashes lower-case hex, times ISO 8601. */
function canonicalForm(row: UnchainedPosting): string {
  return JSON.stringify([
    HASH_VERSION,
    row.userId,
    row.sequence,
    row.origin,
    row.requestId,
    row.requestHash.toString('hex'),
    row.type,
    row.amount,
    row.units,
    row.quotaRemaining,
    row.lots,
    row.consumeSequence,
    row.taskId,
    row.taskType,
    row.description,
    row.actor,
    row.createTime.toISOString(),
  ]);
}

/** The hash a row must have after the row whose hash is `previous`. */
export function chainHash(previous: Buffer, row: UnchainedPosting): Buffer {
  return sha256(Buffer.concat([previous, Buffer.from(canonicalForm(row), 'utf8')]));
}

/** The first row of a log that is not what the rows before it demand. */
export interface ChainFault {
  readonly sequence: number;
  readonly problem: string;
}

/** Where a check of a log stands: feed it the rows in order, in pages of any size. */
export interface ChainState {
  readonly sequence: number;
  readonly hash: Buffer;
  readonly balance: number;
}

/** Where the check of a log begins. */
export const CHAIN_STATE_START: ChainState = { sequence: 0, hash: CHAIN_START, balance: 0 };

/** Checks the next row: its place, its balance and its hash. */
export function checkNextRow(state: ChainState, row: Posting): ChainState | ChainFault {
  const balance = state.balance + row.amount;
  if (row.sequence !== state.sequence + 1) {
    return { sequence: row.sequence, problem: `follows ${state.sequence}: rows are missing or doubled` };
  }
  if (row.quotaRemaining !== balance || balance < 0) {
    return { sequence: row.sequence, problem: `says balance ${row.quotaRemaining}, the rows sum to ${balance}` };
  }
  if (row.hashVersion !== HASH_VERSION) {
    return { sequence: row.sequence, problem: `has unknown hash version ${row.hashVersion}` };
  }
  if (!chainHash(state.hash, row).equals(row.hash))
    return { sequence: row.sequence, problem: 'does not match its hash' };
  return { sequence: row.sequence, hash: row.hash, balance };
}

/** Checks a whole log. Returns the first fault, or where the log ends. */
export function verifyChain(rows: readonly Posting[]): ChainState | ChainFault {
  let state: ChainState = CHAIN_STATE_START;
  for (const row of rows) {
    const next = checkNextRow(state, row);
    if ('problem' in next) return next;
    state = next;
  }
  return state;
}
