/** Our own programs as background processes: started, recognised, kept while unchanged and healthy, stopped. */
import { createHash } from 'node:crypto';
import { tailOf, readJsonIfThere, writeAtomic } from '../files.mjs';
import { ROOT } from '../paths.mjs';
import { buildId } from '../prepare/build.mjs';
import { findProcesses, startInBackground, stopProcesses, waitFor } from '../processes.mjs';
import { Failure, step } from '../terminal.mjs';

const START_TIMEOUT_MS = 30_000;
const PROBE_TIMEOUT_MS = 2_000;
const STOP_GRACE_MS = 12_000;

/**
 * A program of the stack: its `name` in file names and its `title` for people, the `script` it runs, its `environment`,
 * the `fileContents` its environment points to, and the `healthUrl` that answers 200 when it is ready.
 */
function commandOf(stack, program) {
  // The directory for diagnostic reports also tells this stack's processes from those of another one.
  return ['--enable-source-maps', `--diagnostic-dir=${stack.within('log')}`, program.script];
}

function findProgram(stack, program) {
  const wanted = commandOf(stack, program);
  return findProcesses((argv) => wanted.every((word) => argv.includes(word)));
}

function fingerprintOf(program) {
  const content = JSON.stringify([buildId(), process.version, program.environment, program.fileContents]);
  return createHash('sha256').update(content).digest('hex');
}

function recordOf(stack, program) {
  return stack.within('run', `${program.name}.json`);
}

async function isHealthy(program) {
  try {
    const response = await fetch(program.healthUrl, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    return response.status === 200;
  } catch {
    return false;
  }
}

export function isRunning(stack, program) {
  return findProgram(stack, program).length > 0;
}

/** Stops a program; harmless when it does not run. */
export function stopProgram(stack, program) {
  return stopProcesses(findProgram(stack, program), STOP_GRACE_MS);
}

/** The process id of the program if it runs from this very build and configuration; otherwise it is stopped. */
export async function keepOrStop(stack, program) {
  const running = findProgram(stack, program);
  const record = readJsonIfThere(recordOf(stack, program));
  const [first] = running;
  const isCurrent = running.length === 1 && record?.pid === first.pid && record.startTime === first.startTime;
  if (isCurrent && record.fingerprint === fingerprintOf(program)) return first.pid;
  await stopProcesses(running, STOP_GRACE_MS);
  return undefined;
}

async function launch(stack, program) {
  const logFile = stack.within('log', `${program.name}.log`);
  const env = { PATH: process.env.PATH, HOME: process.env.HOME ?? '/', ...program.environment };
  const started = startInBackground(process.execPath, commandOf(stack, program), { env, cwd: ROOT, logFile });
  await waitFor(async () => started.hasExited || (await isHealthy(program)), START_TIMEOUT_MS, 50);
  const [found] = findProgram(stack, program);
  if (found === undefined || !(await isHealthy(program))) {
    await stopProgram(stack, program);
    throw new Failure(`The ${program.title} is not ready. The end of ${logFile}:\n${tailOf(logFile)}`);
  }
  const record = { pid: found.pid, startTime: found.startTime, fingerprint: fingerprintOf(program) };
  writeAtomic(recordOf(stack, program), JSON.stringify(record));
  return found.pid;
}

/** Makes sure the program runs and is healthy. Returns its process id. */
export async function startProgram(stack, program) {
  const kept = await keepOrStop(stack, program);
  if (kept !== undefined && (await waitFor(() => isHealthy(program), START_TIMEOUT_MS, 100))) return kept;
  await stopProgram(stack, program);
  return step(`Starting the ${program.title}`, () => launch(stack, program));
}
