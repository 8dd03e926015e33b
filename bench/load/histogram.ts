/** Steps between a power of two and the next: a value is known to 1 part in 128. */
const SUB_BITS = 7;
const SUB_COUNT = 1 << SUB_BITS;
/** Up to 2^31 µs, more than half an hour. */
const BUCKETS = (31 - SUB_BITS + 1) * SUB_COUNT;

/** Durations in microseconds, counted in buckets whose width grows with the value. Recording allocates nothing. */
export class Histogram {
  private readonly counts = new Uint32Array(BUCKETS);
  private total = 0;

  get count(): number {
    return this.total;
  }

  recordMs(milliseconds: number): void {
    const bucket = bucketOf(Math.max(0, Math.round(milliseconds * 1_000)));
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.total += 1;
  }

  /** The duration that this share of the records does not exceed, to the middle of its bucket; 0 without records. */
  quantileMs(share: number): number {
    const wanted = Math.max(1, Math.ceil(this.total * share));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      seen += this.counts[bucket] ?? 0;
      if (seen >= wanted && this.total > 0) return middleOf(bucket) / 1_000;
    }
    return 0;
  }
}

/** Values below 128 have a bucket each; above, every power of two has 128. */
function bucketOf(value: number): number {
  const capped = Math.min(value, 0x7fffffff);
  if (capped < SUB_COUNT) return capped;
  const shift = 31 - Math.clz32(capped) - SUB_BITS;
  return (shift + 1) * SUB_COUNT + ((capped >>> shift) - SUB_COUNT);
}

function middleOf(bucket: number): number {
  if (bucket < SUB_COUNT) return bucket;
  const shift = Math.floor(bucket / SUB_COUNT) - 1;
  const low = (SUB_COUNT + (bucket % SUB_COUNT)) * 2 ** shift;
  return low + (2 ** shift - 1) / 2;
}
