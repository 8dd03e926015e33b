import type { Clock } from '../../src/platform/clock';
import type { DeadLetters, JobSlots, UnresolvedState } from '../../src/platform/jobs/job-storage';

/** Dead letters in memory, for tests of the queues that need no database. */
export class MemoryLetters implements DeadLetters {
  readonly letters = new Map<string, { state: UnresolvedState | 'resolved'; error: string; attempts: number }>();

  unresolved(job: string): Promise<ReadonlyMap<string, UnresolvedState>> {
    const mine = [...this.letters].flatMap(([key, { state }]) =>
      key.startsWith(`${job} `) && state !== 'resolved' ? [[key.slice(job.length + 1), state] as const] : [],
    );
    return Promise.resolve(new Map(mine));
  }

  bury({ job, subject, error, attempts }: Parameters<DeadLetters['bury']>[0]): Promise<void> {
    const before = this.letters.get(`${job} ${subject}`)?.attempts ?? 0;
    this.letters.set(`${job} ${subject}`, { state: 'open', error, attempts: before + attempts });
    return Promise.resolve();
  }

  resolve(job: string, subject?: string): Promise<void> {
    for (const [key, letter] of this.letters) {
      if (subject === undefined ? key.startsWith(`${job} `) : key === `${job} ${subject}`) letter.state = 'resolved';
    }
    return Promise.resolve();
  }

  /** Somebody has it run again. */
  rerun(job: string, subject: string): void {
    const letter = this.letters.get(`${job} ${subject}`);
    if (letter !== undefined) letter.state = 'rerun';
  }
}

const LEASE_MS = 600_000;

/** Days of daily jobs in memory. */
export class MemorySlots implements JobSlots {
  private readonly leases = new Map<string, number>();
  readonly ended: string[] = [];

  constructor(private readonly clock: Pick<Clock, 'now'>) {}

  isFree(_job: string, slot: string): Promise<boolean> {
    return Promise.resolve(!this.ended.includes(slot) && (this.leases.get(slot) ?? 0) <= this.clock.now().getTime());
  }

  async take(job: string, slot: string): Promise<boolean> {
    if (!(await this.isFree(job, slot))) return false;
    await this.hold(job, slot);
    return true;
  }

  hold(_job: string, slot: string): Promise<void> {
    this.leases.set(slot, this.clock.now().getTime() + LEASE_MS);
    return Promise.resolve();
  }

  giveBack(_job: string, slot: string): Promise<void> {
    this.leases.delete(slot);
    return Promise.resolve();
  }

  end(_job: string, slot: string): Promise<void> {
    this.ended.push(slot);
    return Promise.resolve();
  }
}
