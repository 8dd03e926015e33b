import { sha256 } from '../../platform/crypto/sha256';

/**
 * The Merkle tree hash of RFC 6962 (§2.1) over leaves that come one after another: SHA-256, leaves and nodes in domains of
 * their own, so that no node can pass for a leaf. Remembers one hash for each bit of the number of leaves. Pure.
 */
const LEAF = Buffer.from([0]);
const NODE = Buffer.from([1]);

/** A perfect subtree. */
interface Peak {
  readonly leaves: number;
  readonly hash: Buffer;
}

export class MerkleTree {
  /** From the left, each smaller than the one before. */
  private readonly peaks: Peak[] = [];

  /** Adds the next leaf. */
  add(leaf: string): void {
    let peak: Peak = { leaves: 1, hash: sha256(Buffer.concat([LEAF, Buffer.from(leaf, 'utf8')])) };
    for (let left = this.peaks.at(-1); left?.leaves === peak.leaves; left = this.peaks.at(-1)) {
      this.peaks.pop();
      peak = { leaves: 2 * peak.leaves, hash: nodeHash(left.hash, peak.hash) };
    }
    this.peaks.push(peak);
  }

  /** The root over all leaves so far; over none: SHA-256 of nothing. */
  root(): Buffer {
    const hashes = this.peaks.map(({ hash }) => hash);
    return hashes.length === 0 ? sha256('') : hashes.reduceRight((right, left) => nodeHash(left, right));
  }
}

function nodeHash(left: Buffer, right: Buffer): Buffer {
  return sha256(Buffer.concat([NODE, left, right]));
}
