/**
 * Child processes, and finding those of an earlier run. A process of ours is known by its command line in /proc, which
 * names paths of this clone: there is no pid file that could be stale or name somebody else's process.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { rotateLog } from './files.mjs';
import { Failure } from './terminal.mjs';

/** Waits until the condition holds; false when it did not within the time. */
export async function waitFor(condition, timeoutMs, intervalMs = 25) {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    if (await condition()) return true;
    if (performance.now() >= deadlineMs) return false;
    await delay(intervalMs);
  }
}

/** Runs a program to its end and returns what it wrote to stdout, as a Buffer. Throws a Failure with the tail of its output. */
export function run(command, commandArguments, { env = process.env, cwd, input } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, commandArguments, { env, cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    const stdout = [];
    const everything = [];
    child.stdout.on('data', (chunk) => {
      stdout.push(chunk);
      everything.push(chunk);
    });
    child.stderr.on('data', (chunk) => everything.push(chunk));
    // A program that ends without reading its input says why by its exit code.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(Buffer.concat(stdout));
      const tail = Buffer.concat(everything).toString().trimEnd().split('\n').slice(-60).join('\n');
      reject(new Failure(`${command} ended with ${code ?? signal}:\n${tail}`));
    });
  });
}

/** Runs a program on this terminal and returns its exit code. When the signal aborts, the program is asked to end. */
export function runInForeground(command, commandArguments, { env = process.env, cwd, signal } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, commandArguments, { env, cwd, stdio: 'inherit' });
    const end = () => child.kill('SIGTERM');
    if (signal?.aborted) end();
    signal?.addEventListener('abort', end);
    child.on('error', reject);
    child.on('close', (code) => {
      signal?.removeEventListener('abort', end);
      resolve(signal?.aborted ? signal.reason : (code ?? 1));
    });
  });
}

/** Starts a program that outlives this process and writes to a log of its own. `exited` resolves if it ends meanwhile. */
export function startInBackground(command, commandArguments, { env, cwd, logFile }) {
  rotateLog(logFile);
  const log = openSync(logFile, 'a', 0o600);
  try {
    const child = spawn(command, commandArguments, { env, cwd, detached: true, stdio: ['ignore', log, log] });
    const state = { pid: child.pid, hasExited: false };
    child.on('error', () => (state.hasExited = true));
    child.on('exit', () => (state.hasExited = true));
    child.unref();
    return state;
  } finally {
    closeSync(log);
  }
}

/** What /proc says: the arguments of a process, and when it started (which tells it from a later one with its id). */
function inspect(pid) {
  try {
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    const [state, ...numbers] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
    if (state === 'Z' || commandLine === '') return undefined;
    return { pid, argv: commandLine.split('\0'), startTime: numbers[18] };
  } catch {
    return undefined;
  }
}

/** Every running process whose arguments satisfy the test. */
export function findProcesses(test) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((name) => inspect(Number(name)))
    .filter((found) => found !== undefined && test(found.argv));
}

/** Ends processes: asks with SIGTERM, insists with SIGKILL when the grace is over, returns when all are gone. */
export async function stopProcesses(processes, graceMs) {
  const living = () => processes.filter(({ pid, startTime }) => inspect(pid)?.startTime === startTime);
  const signalAll = (name) => {
    for (const { pid } of living()) {
      try {
        process.kill(pid, name);
      } catch (error) {
        if (error.code === 'EPERM')
          throw new Failure(`Process ${pid} was started by another user and can not be stopped.`);
      }
    }
  };
  signalAll('SIGTERM');
  if (await waitFor(() => living().length === 0, graceMs)) return;
  signalAll('SIGKILL');
  if (!(await waitFor(() => living().length === 0, 10_000))) {
    throw new Failure(
      `Can not stop process ${living()
        .map(({ pid }) => pid)
        .join(', ')}.`,
    );
  }
}
