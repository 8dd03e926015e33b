/**
 * One launcher at a time per purpose and directory. The lock is a Linux abstract socket: the kernel frees it the moment
 * its holder ends, by kill -9 too, so there is no stale lock to break and no race in breaking it.
 */
import { createHash } from 'node:crypto';
import net from 'node:net';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Failure, say } from './terminal.mjs';

/** Silent at first, because most waits are short; a test run or a first start may hold a lock for minutes. */
const PATIENCE = Object.freeze({ sayAfterMs: 1_000, giveUpAfterMs: 600_000 });
/** Keeps a holder that does not let us wait from making us spin. */
const RETRY_PAUSE_MS = 20;

function addressOf(purpose, directory) {
  const name = createHash('sha256').update(`${purpose}\0${directory}`).digest('hex').slice(0, 32);
  return `\0billing-guard-${name}`;
}

/** Resolves to the held lock, or to undefined when somebody else holds it. */
async function tryAcquire(address) {
  const waiting = new Set();
  const server = net.createServer((socket) => {
    waiting.add(socket.on('error', () => {}).on('close', () => waiting.delete(socket)));
    socket.write(String(process.pid));
  });
  server.listen(address);
  try {
    await once(server, 'listening');
  } catch (error) {
    if (error.code === 'EADDRINUSE') return undefined;
    throw error;
  }
  server.unref();
  return () => {
    server.close();
    for (const socket of waiting) socket.destroy();
  };
}

/** Resolves when the holder lets go or ends, or the signal aborts. `onHolder` is told the holder's process id. */
async function waitForRelease(address, signal, onHolder) {
  const socket = net.connect({ path: address, signal });
  socket.on('data', (pid) => onHolder(String(pid)));
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('close', resolve));
}

/** The lock, once whoever holds it lets go. Says what it waits for, and gives up in the end. */
async function acquire(purpose, directory, { sayAfterMs, giveUpAfterMs }) {
  const address = addressOf(purpose, directory);
  let holder = 'another process';
  const saying = setTimeout(() => say(`Waiting for ${holder}, which is busy with the same ${purpose} …`), sayAfterMs);
  const givingUp = AbortSignal.timeout(giveUpAfterMs);
  try {
    for (;;) {
      const release = await tryAcquire(address);
      if (release !== undefined) return release;
      if (givingUp.aborted) break;
      await waitForRelease(address, givingUp, (pid) => (holder = `process ${pid}`));
      await delay(RETRY_PAUSE_MS);
    }
  } finally {
    clearTimeout(saying);
  }
  const waited = `${Math.round(giveUpAfterMs / 1_000)} s`;
  throw new Failure(
    `Gave up after ${waited}: ${holder} is still busy with the ${purpose} of ${directory}. End it, then try again.`,
  );
}

/** Does the work while holding the lock; waits for whoever holds it before, up to 10 minutes, then throws a Failure. */
export async function withLock(purpose, directory, work, patience = PATIENCE) {
  const release = await acquire(purpose, directory, patience);
  try {
    return await work();
  } finally {
    release();
  }
}

/** Does the work if nobody holds the lock; returns whether it did. */
export async function withLockIfFree(purpose, directory, work) {
  const release = await tryAcquire(addressOf(purpose, directory));
  if (release === undefined) return false;
  try {
    await work();
    return true;
  } finally {
    release();
  }
}
