import fc from 'fast-check';
import { gapsAfter, gapsBetween, type Gap } from '../../src/audit/audit-gaps';

/** A number is drawn by each transaction; it is committed at some step, or never. */
interface World {
  /** The step at which the transaction that drew the number commits; undefined: it rolls back. */
  readonly commits: readonly (number | undefined)[];
  /** The steps at which the sealer looks. */
  readonly looks: readonly number[];
  /** Rows that one look seals at most, and gaps that are remembered one by one. */
  readonly most: number;
  readonly gapsMax: number;
}

const world: fc.Arbitrary<World> = fc.record({
  commits: fc.array(fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined }), { maxLength: 40 }),
  looks: fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 20 }),
  most: fc.integer({ min: 1, max: 8 }),
  gapsMax: fc.integer({ min: 1, max: 5 }),
});

/** The sealer's looks, as seal-audit-log.job.ts makes them, on rows in memory. */
class Sealer {
  readonly sealed: number[] = [];
  reachedId = 0;
  gaps: readonly Gap[] = [];

  constructor(
    private readonly most: number,
    private readonly gapsMax: number,
  ) {}

  look(committed: readonly number[]): number {
    const isWaited = (id: number): boolean => this.gaps.some(({ from, to }) => id >= from && id <= to);
    const late = committed.filter((id) => isWaited(id) && !this.sealed.includes(id)).slice(0, this.most);
    const fresh = committed.filter((id) => id > this.reachedId).slice(0, this.most - late.length);
    const opened = gapsBetween(this.reachedId, fresh, 0);
    const { gaps, gapsMax } = this;
    this.gaps = gapsAfter({ gaps, found: late, opened, bornId: 0, nowMs: 0 }, gapsMax);
    this.reachedId = fresh.at(-1) ?? this.reachedId;
    this.sealed.push(...late, ...fresh);
    return late.length + fresh.length;
  }
}

test('in whatever order numbers are committed, each committed row is sealed exactly once, and no other', () => {
  fc.assert(
    fc.property(world, ({ commits, looks, most, gapsMax }) => {
      const sealer = new Sealer(most, gapsMax);
      const committedAt = (step: number): number[] =>
        commits.flatMap((at, i) => (at !== undefined && at <= step ? [i + 1] : []));
      for (const step of [...looks].sort((a, b) => a - b)) {
        sealer.look(committedAt(step));
        expect(sealer.gaps.length).toBeLessThanOrEqual(gapsMax);
        const bounds = sealer.gaps.flatMap(({ from, to }) => [from, to + 0.5]);
        expect(bounds).toEqual([...bounds].sort((a, b) => a - b));
      }
      const all = committedAt(30);
      while (sealer.look(all) > 0);
      expect([...sealer.sealed].sort((a, b) => a - b)).toEqual(all);
    }),
  );
});
