/**
 * One launcher at a time per purpose and directory. The lock is a Linux abstract socket: the kernel frees it the moment
 * its holder ends, by kill -9 too, so there is no stale lock to break and no race in breaking it.
 */
import { createHash } from 'node:crypto';
import net from 'node:net';
import { once } from 'node:events';
import { say } from './terminal.mjs';

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

/** Resolves when the holder lets go or ends. */
async function waitForRelease(address, purpose, isFirstTime) {
  const socket = net.connect(address);
  socket.on('data', (pid) => {
    if (isFirstTime) say(`Waiting for process ${pid}, which is busy with the same ${purpose} …`);
  });
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('close', resolve));
}

/** Does the work while holding the lock; waits for whoever holds it before. */
export async function withLock(purpose, directory, work) {
  const address = addressOf(purpose, directory);
  let release = await tryAcquire(address);
  for (let isFirstTime = true; release === undefined; isFirstTime = false) {
    await waitForRelease(address, purpose, isFirstTime);
    release = await tryAcquire(address);
  }
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
