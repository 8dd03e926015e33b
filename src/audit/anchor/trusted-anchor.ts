import type { Knex } from 'knex';
import type { Verifier } from '../../platform/crypto/signing';
import { addMs, latestHour } from '../../platform/time';
import { checkSignature, type SignedAnchor } from './anchor-document';
import type { AnchorRow } from './anchor.model';
import { findAnchorOfRow, readAnchorsBelow } from './anchor.queries';
import type { Problems } from './problems';

/**
 * Which rows of `audit_anchors` are believed. Whoever has the account of the service may insert one that follows the last; only who has
 * the key can sign it. A row that is not believed stands for nothing: it is told of, and what comes after it is compared with the
 * newest that is.
 */

/** Clocks of our own processes differ by less. */
export const CLOCK_SLACK_MS = 300_000;

/** By whom, and when, rows are judged. */
export interface Trust {
  readonly verifiers: readonly Verifier[];
  readonly now: Date;
}

/** The anchor of a row that says what one of our keys signed; else what is wrong with the row. */
export function judgeRow(row: AnchorRow, verifiers: readonly Verifier[]): SignedAnchor | string {
  const signed = findAnchorOfRow(row);
  if (signed === undefined) return 'can not be read in the database';
  const verdict = checkSignature(signed, verifiers);
  if (verdict === 'key unknown') return 'was signed in the database with a key that is not known';
  return verdict === 'good' && isOf(signed, row) ? signed : 'is not as it was signed in the database';
}

/** Whether the columns repeat the document. A good anchor under another number or time is none. */
function isOf({ anchor, hash }: SignedAnchor, row: AnchorRow): boolean {
  return (
    anchor.number === row.number &&
    anchor.slot === row.slot &&
    Date.parse(anchor.time) === row.createTime.getTime() &&
    anchor.previous?.sha256 === row.previousHash?.toString('hex') &&
    anchor.users.root === row.root.toString('hex') &&
    hash.equals(row.hash)
  );
}

/** Whether it says that it was made later than now: by a clock that was wrong. */
function isAhead({ anchor }: SignedAnchor, now: Date): boolean {
  const latest = addMs(now, CLOCK_SLACK_MS);
  return Date.parse(anchor.time) > latest.getTime() || anchor.slot > latestHour(latest, 0);
}

/** The newest anchor that is believed; undefined when there is none. Rows after it become problems. */
export async function readNewestTrusted(
  reader: Knex,
  { verifiers, now }: Trust,
  problems: Problems,
): Promise<SignedAnchor | undefined> {
  for (let below: number | undefined; ;) {
    const rows = await readAnchorsBelow(reader, below);
    for (const row of rows) {
      const judged = judgeRow(row, verifiers);
      if (typeof judged !== 'string' && !isAhead(judged, now)) return judged;
      const problem = typeof judged === 'string' ? judged : 'says that it was made later than now';
      problems.add(`anchor ${row.number}`, problem);
    }
    below = rows.at(-1)?.number;
    if (below === undefined) return undefined;
  }
}
