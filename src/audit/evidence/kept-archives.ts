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
  readonly untilMs: number;
}

const KEEP_MS = 300_000;
/** Of all archives together: the oldest go first. */
const BYTES_MAX = 192 * 1_024 * 1_024;

export class KeptArchives {
  private entries: readonly Entry[] = [];

  constructor(private readonly nowMs: () => number) {}

  /** Keeps an archive for its owner. */
  keep(owner: string, kept: KeptArchive): void {
    this.entries = [...this.fresh(), { ...kept, owner, untilMs: this.nowMs() + KEEP_MS }];
    while (this.entries.length > 1 && this.totalBytes() > BYTES_MAX) this.entries = this.entries.slice(1);
  }

  /** The archive of this hash that is kept for this owner. */
  find(owner: string, hash: string): KeptArchive | undefined {
    this.entries = this.fresh();
    return this.entries.find((entry) => entry.owner === owner && entry.hash === hash);
  }

  private fresh(): readonly Entry[] {
    return this.entries.filter(({ untilMs }) => untilMs > this.nowMs());
  }

  private totalBytes(): number {
    return this.entries.reduce((total, { archive }) => total + archive.length, 0);
  }
}
