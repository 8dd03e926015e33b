import type { Verifier } from '../../platform/crypto/signing';
import { checkSignature, NotAnAnchor, readSignedAnchor, type SignedAnchor } from '../anchor/anchor-document';
import { bytes, number, text, type JsonRow } from './json-rows';

/** The newest anchor of an archive, and whether one of the keys signed it: `good`, or `key unknown`. */
export interface ArchivedAnchor {
  readonly number: number;
  readonly time: string;
  readonly signature: string;
}

/**
 * The newest anchor of an archive: its signature, and that it says of the audit chain what the archive shows of it. An anchor
 * of a key that was not given proves nothing, and is no fault.
 */
export function checkAnchor(
  row: JsonRow | undefined,
  places: readonly JsonRow[],
  verifiers: readonly Verifier[],
): { readonly anchor: ArchivedAnchor | undefined; readonly problems: readonly string[] } {
  if (row === undefined) return { anchor: undefined, problems: [] };
  let signed: SignedAnchor;
  try {
    signed = readSignedAnchor(JSON.parse(text(row, 'document')), bytes(row, 'signature'));
  } catch (error) {
    if (!(error instanceof NotAnAnchor || error instanceof SyntaxError)) throw error;
    return { anchor: undefined, problems: ['the anchor can not be read'] };
  }
  const { audit, number: anchorNumber, time } = signed.anchor;
  const signature = checkSignature(signed, verifiers);
  const problems = signature === 'bad' ? [`the signature of anchor ${anchorNumber} does not fit it`] : [];
  const end = places.find((place) => number(place, 'position') === audit.position);
  if (end !== undefined && text(end, 'hash') !== audit.hash) {
    problems.push(`anchor ${anchorNumber} knows another audit chain: place ${audit.position} has another hash`);
  }
  return { anchor: { number: anchorNumber, time, signature }, problems };
}
