import { systemClock } from '../../src/platform/clock';
import { startJobQueues, type JobQueues } from '../../src/platform/jobs/job-queues';
import { subjectWork, type JobWork } from '../../src/platform/jobs/job-work';
import type { JobOutcome } from '../../src/platform/jobs/run-task';
import { createLogger } from '../../src/platform/log';
import { freePorts } from '../../bench/runner/free-ports';
import { newId } from './harness';
import { MemoryLetters } from './job-memory';
import { startPrivateRedis, type PrivateRedis } from './private-redis';

/** Subjects that are due until they are done: the database's part, played by a set. */
export class DueWork {
  readonly due = new Set<string>();
  readonly ran: string[] = [];
  /** Runs that found their subject still due: those with effect. */
  readonly done: string[] = [];
  /** Subjects that were run while they were running. */
  readonly overlaps: string[] = [];
  private readonly running = new Set<string>();
  looks = 0;
  /** What running one does, after it was noted. */
  during: (id: string, signal: AbortSignal) => Promise<void> = () => Promise.resolve();

  constructor(
    private readonly letters: MemoryLetters,
    readonly name = 'test-work',
  ) {}

  job(concurrency = 4): JobWork {
    const job = {
      name: this.name,
      concurrency,
      findDue: (most: number) => {
        this.looks += 1;
        return Promise.resolve([...this.due].slice(0, most));
      },
      run: async (id: string, signal: AbortSignal) => {
        this.ran.push(id);
        if (this.running.has(id)) this.overlaps.push(id);
        this.running.add(id);
        try {
          await this.during(id, signal);
          if (this.due.delete(id)) this.done.push(id);
        } finally {
          this.running.delete(id);
        }
      },
    };
    return subjectWork(job, this.letters);
  }

  /** So many new subjects. */
  add(count: number): readonly string[] {
    const ids = Array.from({ length: count }, (_, i) => `01:${newId(String(i))}`);
    for (const id of ids) this.due.add(id);
    return ids;
  }

  readonly isDone = (): Promise<boolean> => Promise.resolve(this.due.size === 0);
}

/** Queues on a Redis of their own, with what they logged and counted. */
export class JobStage {
  prefix = '';
  letters = new MemoryLetters();
  readonly lines: Record<string, unknown>[] = [];
  readonly outcomes: JobOutcome[] = [];
  private readonly started: JobQueues[] = [];
  private readonly log = createLogger({
    level: 'debug',
    role: 'worker',
    destination: { write: (line: string) => void this.lines.push(JSON.parse(line) as Record<string, unknown>) },
  });

  private constructor(readonly redis: PrivateRedis) {}

  static async open(): Promise<JobStage> {
    const [port = 0] = await freePorts(1);
    return new JobStage(await startPrivateRedis(port));
  }

  /** Before each test. */
  reset(): void {
    this.prefix = newId('queues');
    this.letters = new MemoryLetters();
    this.lines.length = 0;
    this.outcomes.length = 0;
  }

  /** One process's queues. */
  start(works: readonly JobWork[], { intervalMs = 20, attempts = 3, firstMs = 10 } = {}): JobQueues {
    const { redis, prefix, letters, log } = this;
    const queues = startJobQueues(works, {
      ...{ redisUrl: redis.url, prefix, intervalMs, lockMs: 10_000, letters, log, clock: systemClock },
      retry: { attempts, firstMs },
      observer: { jobEnded: (_job, outcome) => void this.outcomes.push(outcome) },
    });
    this.started.push(queues);
    return queues;
  }

  /** After each test. */
  async stopAll(): Promise<void> {
    await Promise.all(this.started.splice(0).map((queues) => queues.stop(1_000)));
  }

  /** Messages of at least `warn`, those about one lost job left out: how one ended may have been on its way to a Redis that was killed. */
  warnings(): unknown[] {
    return this.lines
      .filter(({ level }) => level !== 'info' && level !== 'debug')
      .map(({ msg }) => msg)
      .filter((msg) => msg !== 'Redis has lost a job under way; it runs again if it is due');
  }

  /** Whether such a line was written. */
  said(message: string): Promise<boolean> {
    return Promise.resolve(this.lines.some(({ msg }) => msg === message));
  }
}
