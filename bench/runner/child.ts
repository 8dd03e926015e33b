import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

/** The compiled program. */
export const DIST = join(__dirname, '..', '..');
const STOP_GRACE_MS = 15_000;

/** Every process this one started and that may still run: none may outlive us. */
const running = new Set<ChildProcess>();

/** Starts a script of dist/ with an argument and calls `onLine` for each line of its standard output. */
export function startScript(script: string, argument: object, onLine: (line: string) => void): ChildProcess {
  const words = ['--enable-source-maps', join(DIST, script), JSON.stringify(argument)];
  const child = spawn(process.execPath, words, { env: {}, stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.stdout === null) throw new Error('the process has no standard output');
  createInterface({ input: child.stdout }).on('line', onLine);
  return remember(child);
}

/** Starts a script of dist/ with an environment; its output goes to a file. */
export function startLogged(script: string, env: Readonly<Record<string, string>>, logFile: string): ChildProcess {
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'w');
  try {
    const words = [join(DIST, script)];
    return remember(spawn(process.execPath, words, { env, stdio: ['ignore', log, log] }));
  } finally {
    closeSync(log);
  }
}

function remember(child: ChildProcess): ChildProcess {
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Asks a process to end, and makes it end. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
  await ended;
  clearTimeout(timer);
}

/** Ends whatever still runs. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map(stopChild));
}

/** Ends whatever still runs, at once. */
export function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

export function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('the process did not start');
  return child.pid;
}

/** Linux counts CPU time in hundredths of a second, whatever the kernel's own tick. */
const TICK_MS = 10;

/** CPU time a process has used so far, in all its threads; 0 for one that is gone. */
export function cpuMsOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return 0;
  }
}

/** The most memory a process ever had at once, in MiB. */
export function peakMemoryMib(pid: number): number {
  const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Math.round(Number(line?.[1] ?? 0) / 1_024);
}
