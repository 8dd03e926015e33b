import type { LoadEvent, LoadResult, LoadSettings } from '../load/settings';
import { cpuMsOf, startScript } from './child';

/** CPU time of the processes within the measured window, in percent of one core. */
export interface CpuShares {
  readonly server: number;
  readonly mariadb: number;
  readonly redis: number;
  readonly load: number;
}

/** What one run measured. */
export interface RunOutcome {
  readonly load: LoadResult;
  readonly cpu: CpuShares;
}

/** Process ids whose CPU time is taken. */
export interface WatchedPids {
  readonly server: number;
  readonly mariadb: number;
  readonly redis: number;
}

function sample({ server, mariadb, redis }: WatchedPids): readonly [number, number, number] {
  return [cpuMsOf(server), cpuMsOf(mariadb), cpuMsOf(redis)];
}

/** Runs one load process to its end. */
export function runLoad(settings: LoadSettings, pids: WatchedPids): Promise<RunOutcome> {
  return new Promise((resolve, reject) => {
    let before: readonly [number, number, number] = [0, 0, 0];
    let after = before;
    let result: LoadResult | undefined;
    const child = startScript('bench/load/main.js', settings, (line) => {
      const event = JSON.parse(line) as LoadEvent;
      if (event.event === 'measuring') before = sample(pids);
      else if (event.event === 'measured') after = sample(pids);
      else result = event.result;
    });
    child.once('close', (code) => {
      if (result === undefined) return reject(new Error(`the load process ended with ${code} and without a result`));
      const { measuredMs, cpuMs } = result;
      const share = (index: 0 | 1 | 2): number => Math.round(((after[index] - before[index]) / measuredMs) * 100);
      const load = Math.round((cpuMs / measuredMs) * 100);
      resolve({ load: result, cpu: { server: share(0), mariadb: share(1), redis: share(2), load } });
    });
  });
}
