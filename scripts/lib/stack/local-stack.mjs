/** The whole local stack: up, down, reset. Each takes the stack's lock, so that two launchers never fight over it. */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { readIfThere, writeAtomic } from '../files.mjs';
import { withLock, withLockIfFree } from '../lock.mjs';
import { STATE_DIRECTORIES } from '../paths.mjs';
import { say, step } from '../terminal.mjs';
import { endpointsFile, writeEndpoints } from './endpoints.mjs';
import { startInfrastructure, stopInfrastructure } from './infrastructure.mjs';
import { existingStack, openStack } from './layout.mjs';
import { migrate } from './migrate.mjs';
import { isRunning, keepOrStop, startProgram, stopProgram } from './node-program.mjs';
import { startOnFreePorts } from './ports.mjs';
import { PROGRAMS, serviceProgram, simulatorProgram } from './programs.mjs';

const LOCK = 'local stack';
const { local } = STATE_DIRECTORIES;

/** Starts a program; while it does not run yet, the ports it will listen on may still move. */
async function startListening(stack, portNames, programOf) {
  const isPlaced = portNames.every((name) => stack.state.ports[name] !== undefined);
  if (isPlaced && (await keepOrStop(stack, programOf(stack))) !== undefined)
    return startProgram(stack, programOf(stack));
  return startOnFreePorts(stack, portNames, () => startProgram(stack, programOf(stack)));
}

/** Whether a service runs that was started from this very build and configuration. */
async function isServiceCurrent(stack) {
  const portNames = ['grpc', 'edge', 'internal', 'wechatpay'];
  if (portNames.some((name) => stack.state.ports[name] === undefined)) return false;
  return (await keepOrStop(stack, serviceProgram(stack))) !== undefined;
}

async function startAll() {
  const stack = await openStack(local);
  const { mariadb, redisPid } = await startInfrastructure(stack);
  mkdirSync(stack.within('wechatpay-state'), { recursive: true, mode: 0o700 });
  // Kept once it is there: its keys may have been rotated since (docs/keys.md).
  if (readIfThere(stack.within('data-keys')) === undefined) {
    writeAtomic(stack.within('data-keys'), stack.secrets.dataKeys, 0o600);
  }
  writeAtomic(stack.within('identity-index-key'), stack.secrets.identityIndexKey, 0o600);
  writeAtomic(stack.within('audit-signing.key'), stack.secrets.auditSigningKey, 0o600);
  writeAtomic(stack.within('backup.key'), stack.secrets.backupKey, 0o600);
  const isCurrent = await isServiceCurrent(stack);
  if (!isCurrent || mariadb.wasStarted) await step('Migrating the database', () => migrate(stack));
  const wechatpay = await startListening(stack, ['wechatpay'], simulatorProgram);
  const service = await startListening(stack, ['grpc', 'edge', 'internal'], serviceProgram);
  return writeEndpoints(stack, { service, mariadb: mariadb.pid, redis: redisPid, wechatpay });
}

/** Whether a stack that `npm run up` started, or what is left of it, is running. */
export function isUp() {
  const stack = existingStack(local);
  return existsSync(endpointsFile(stack)) && PROGRAMS.some((program) => isRunning(stack, program));
}

/** Absolute path of the file that says where the stack is. */
export function endpointsPath() {
  return endpointsFile(existingStack(local));
}

/** Starts what does not run, or not as it should. Returns the endpoints when everything is healthy. */
export function up() {
  return withLock(LOCK, local, startAll);
}

async function stopAll() {
  const stack = existingStack(local);
  rmSync(endpointsFile(stack), { force: true });
  await Promise.all(PROGRAMS.map((program) => stopProgram(stack, program)));
  await stopInfrastructure(stack);
}

/** Stops everything; data stays. Harmless when nothing runs. */
export function down() {
  return withLock(LOCK, local, stopAll);
}

function removeContent(directory) {
  const kept = Object.values(STATE_DIRECTORIES);
  const stack = existingStack(directory);
  for (const name of existsSync(directory) ? readdirSync(directory) : []) {
    if (!kept.includes(stack.within(name))) rmSync(stack.within(name), { recursive: true, force: true });
  }
}

/** Stops everything and removes all data, of the stack and of test runs that are over. */
export function reset() {
  return withLock(LOCK, local, async () => {
    await stopAll();
    removeContent(local);
    for (const directory of [STATE_DIRECTORIES.test, STATE_DIRECTORIES.schema, STATE_DIRECTORIES.bench]) {
      const removed = await withLockIfFree(LOCK, directory, async () => {
        await stopInfrastructure(existingStack(directory));
        rmSync(directory, { recursive: true, force: true });
      });
      if (!removed) say(`${directory} is in use and was kept.`);
    }
  });
}
