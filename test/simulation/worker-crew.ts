import { renameSync, writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { serviceEnvironment } from '../support/harness';
import { startProcess, type ServiceProcess } from '../support/service-process';
import type { Random } from './random';
import type { RunDue } from './play';
import { NOWHERE, type World } from './world';

/**
 * Worker processes of the compiled service, whose clock the simulation moves, and somebody who kills them while they work. What is
 * due is done when the database says that nothing is: not before does the simulation go on.
 */

/** Between two looks whether everything due is done. */
const LOOK_MS = 10;
/** What a killed worker had in hand is taken up so soon: a year is full of kills. */
const JOB_LOCK_MS = '1000';
/** Nothing may stay due for longer than this. */
const DUE_LIMIT_MS = 120_000;

const DUE = `
  SELECT (SELECT COUNT(*) FROM membership_periods WHERE next_grant_time <= ?)
    + (SELECT COUNT(*) FROM membership_notices WHERE next_time <= ?) AS due`;

/** A trouble that comes while the workers are at work. */
export type Trouble = () => Promise<void>;

export class WorkerCrew {
  /** How often a worker was killed. */
  kills = 0;
  private readonly directory = mkdtempSync(join(tmpdir(), 'billing-crew-'));
  /** One for each place; a place whose worker was killed is taken by one that is still starting. */
  private readonly workers: Promise<ServiceProcess>[] = [];

  constructor(
    private readonly world: World,
    private readonly redisUrl: string,
  ) {}

  /** Starts so many workers. */
  async start(size: number): Promise<void> {
    this.moveClock(Date.now());
    while (this.workers.length < size) this.workers.push(this.startOne());
    await Promise.all(this.workers);
  }

  /** Kills a worker with SIGKILL; another takes its place, and nobody waits for that. */
  async killOne(random: Random): Promise<void> {
    const place = random.between(0, this.workers.length - 1);
    const victim = await this.workers[place];
    if (victim === undefined) throw new Error('no worker is there');
    victim.kill('SIGKILL');
    await victim.ended;
    this.kills += 1;
    this.workers[place] = this.startOne();
  }

  /** Lets the workers do what is due by a time, while what `troubleAt` gives for it happens beside them. */
  runDue(troubleAt: (time: number) => Trouble | undefined): RunDue {
    return async (time) => {
      this.moveClock(time);
      await Promise.all([this.untilNothingIsDue(time), troubleAt(time)?.()]);
    };
  }

  async close(): Promise<void> {
    for (const worker of await Promise.all(this.workers)) {
      worker.kill('SIGKILL');
      await worker.ended;
    }
    rmSync(this.directory, { recursive: true, force: true });
  }

  private get clockFile(): string {
    return join(this.directory, 'clock.json');
  }

  /** From now on it is this time for the workers, and their time goes on from there. */
  private moveClock(time: number): void {
    const draft = `${this.clockFile}.new`;
    writeFileSync(draft, JSON.stringify({ offsetMs: time - Date.now() }));
    renameSync(draft, this.clockFile);
  }

  private startOne(): Promise<ServiceProcess> {
    const { infra, db } = this.world;
    const role = { BILLING_ROLE: 'worker', REDIS_URL: this.redisUrl, DEV_CLOCK_FILE: this.clockFile, JOB_LOCK_MS };
    const started = startProcess({ ...serviceEnvironment(infra, db.url, NOWHERE), ...role });
    // Whoever needs it, or the end, hears why it did not start.
    started.catch(() => undefined);
    return started;
  }

  private async untilNothingIsDue(time: number): Promise<void> {
    const limit = Date.now() + DUE_LIMIT_MS;
    const at = new Date(time);
    for (;;) {
      const [row] = await this.world.db.query(DUE, [at, at]);
      if (Number(row?.['due']) === 0) return;
      if (Date.now() > limit) throw new Error(`${String(row?.['due'])} are still due at ${at.toISOString()}`);
      await pause(LOOK_MS);
    }
  }
}
