import { join } from 'node:path';
import type { Verifier } from '../../platform/crypto/signing';
import { checkSignature, nameOf, type AnchorDocument, type NamedAnchor, type SignedAnchor } from './anchor-document';
import { anchorPath, listAnchorFiles, readAnchorFile } from './anchor-files';
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
 * problem: the rest is not reached. That there is another one under its number is: somebody's anchors are forged. Every file is
 * read once, newest first, and none is kept.
 */
export async function checkLinks(dir: string, from: SignedAnchor, verifiers: readonly Verifier[]): Promise<LinkReport> {
  const problems = new Problems();
  const walk = new LinkWalk(from, verifiers, problems);
  for (const name of (await listAnchorFiles(dir)).toReversed()) {
    const path = join(dir, name);
    const signed = await readAnchorFile(path).catch(() => undefined);
    if (signed === undefined || path !== anchorPath(dir, signed.anchor)) problems.add(name, 'is not an anchor');
    else walk.look(signed);
  }
  return { ...walk.end(), problems: problems.first };
}

/** Goes back from anchor to anchor as they come, in falling order of their numbers. */
class LinkWalk {
  private links = 0;
  private oldest: SignedAnchor;
  /** Whether something was there under the number of the one that is wanted next, which it was not. */
  private isAnotherThere = false;

  constructor(
    from: SignedAnchor,
    private readonly verifiers: readonly Verifier[],
    private readonly problems: Problems,
  ) {
    this.oldest = from;
  }

  look(signed: SignedAnchor): void {
    const { anchor } = this.oldest;
    const wanted = beforeOf(anchor);
    if (isNamed(signed, wanted)) {
      // It is named by what was signed after it: its own key may be one that is not in use any more.
      if (this.verdictOf(signed) === 'bad') this.problems.add(`anchor ${signed.anchor.number}`, 'has a bad signature');
      this.follow(signed);
    } else if (isNamed(signed, anchor.previous) && this.verdictOf(signed) === 'good') {
      // Not believed when the next one was made: its key was not known there, or its clock was ahead. Here it is believed.
      this.follow(signed);
    } else if (signed.anchor.number === wanted?.number) this.isAnotherThere = true;
  }

  /** After the last. */
  end(): Omit<LinkReport, 'problems'> {
    const { anchor } = this.oldest;
    const wanted = beforeOf(anchor);
    if (wanted !== null && this.isAnotherThere) {
      this.problems.add(`anchor ${wanted.number}`, `is not the one that anchor ${anchor.number} names`);
    }
    return { links: this.links, oldest: anchor.number };
  }

  private follow(signed: SignedAnchor): void {
    this.links += 1;
    this.oldest = signed;
    this.isAnotherThere = false;
  }

  private verdictOf(signed: SignedAnchor): ReturnType<typeof checkSignature> {
    return checkSignature(signed, this.verifiers);
  }
}

/** What an anchor names as the one before it that counts. */
function beforeOf({ previous, believed }: AnchorDocument): NamedAnchor | null {
  return believed === undefined ? previous : believed;
}

function isNamed(signed: SignedAnchor, name: NamedAnchor | null): boolean {
  const { number, sha256 } = nameOf(signed);
  return number === name?.number && sha256 === name.sha256;
}
