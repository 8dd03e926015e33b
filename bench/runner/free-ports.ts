import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below where Linux takes the ports of outgoing connections from (32768): nobody gets one of these by chance meanwhile. */
const FIRST = 20_000;
const END = 32_000;
const TRIES_MAX = 100;

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  await new Promise((resolve) => server.close(resolve));
  return true;
}

/** Ports that are free now, for servers that must be told theirs before they start. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  for (let tries = 0; ports.size < count && tries < TRIES_MAX; tries += 1) {
    const port = randomInt(FIRST, END);
    if (!ports.has(port) && (await isFree(port))) ports.add(port);
  }
  if (ports.size < count) throw new Error(`no ${count} free ports from ${FIRST} to ${END}`);
  return [...ports];
}
