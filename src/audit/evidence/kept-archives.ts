/**
 * Archives that are being fetched piece by piece. A piece more is cut from the archive that the first piece was of: made
 * anew it would be another one, of another moment. Kept for minutes by the replica that made it, for whoever asked for it;
 * losing one costs its caller a new beginning.
 */
export interface KeptArchive {
  readonly archive: Buffer;
  readonly hash: string;
  readonly fileName: string;
}

interface Entry extends KeptArchive {
  readonly owner: string;
}

const KEEP_MS = 300_000;
/** Of all archives together: the oldest go first. */
const BYTES_MAX = 192 * 1_024 * 1_024;

export class KeptArchives {
  private entries: readonly Entry[] = [];

  /** Keeps an archive for its owner until its time is over, whether or not anybody comes again. */
  keep(owner: string, kept: KeptArchive): void {
    const entry = { ...kept, owner };
    this.entries = [...this.entries, entry];
    setTimeout(() => (this.entries = this.entries.filter((other) => other !== entry)), KEEP_MS).unref();
    while (this.entries.length > 1 && this.totalBytes() > BYTES_MAX) this.entries = this.entries.slice(1);
  }

  /** The archive of this hash that is kept for this owner. */
  find(owner: string, hash: string): KeptArchive | undefined {
    return this.entries.find((entry) => entry.owner === owner && entry.hash === hash);
  }

  private totalBytes(): number {
    return this.entries.reduce((total, { archive }) => total + archive.length, 0);
  }
}
