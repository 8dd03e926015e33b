import { join } from 'node:path';
import type { Verifier } from '../../platform/crypto/signing';
import { checkSignature, type SignedAnchor } from './anchor-document';
import { listAnchorFiles, readAnchorFile } from './anchor-files';
import { Problems, type Problem } from './problems';

/** What the anchors that lie beside one say of its past. */
export interface LinkReport {
  /** How many steps back each anchor named the one before and that one was there. */
  readonly links: number;
  /** The number of the oldest that was reached. */
  readonly oldest: number;
  readonly problems: readonly Problem[];
}

/**
 * Follows an anchor to the one before, and so on, as far as their files are in the same directory. That one is missing is no
 * problem: the rest is not reached. That there is another one under its number is: somebody's anchors are forged.
 */
export async function checkLinks(dir: string, from: SignedAnchor, verifiers: readonly Verifier[]): Promise<LinkReport> {
  const problems = new Problems();
  const byNumber = new Map<number, SignedAnchor[]>();
  for (const name of await listAnchorFiles(dir)) {
    const signed = await readAnchorFile(join(dir, name)).catch(() => undefined);
    if (signed === undefined) problems.add(name, 'is not an anchor');
    else byNumber.set(signed.anchor.number, [...(byNumber.get(signed.anchor.number) ?? []), signed]);
  }
  let current = from;
  let links = 0;
  for (let wanted = from.anchor.previous; wanted !== null; wanted = current.anchor.previous) {
    const { number, sha256 } = wanted;
    const there = byNumber.get(number) ?? [];
    const previous = there.find(({ hash }) => hash.toString('hex') === sha256);
    if (previous === undefined) {
      if (there.length > 0) problems.add(`anchor ${number}`, `is not the one that anchor ${number + 1} names`);
      break;
    }
    // It is named by what was signed after it: its own key may be one that is not in use any more.
    if (checkSignature(previous, verifiers) === 'bad') problems.add(`anchor ${number}`, 'has a bad signature');
    links += 1;
    current = previous;
  }
  return { links, oldest: current.anchor.number, problems: problems.first };
}
