/** Loopback ports, chosen once per stack and kept over restarts while nobody else takes them. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { say } from '../terminal.mjs';

/** Below the range from which Linux takes the ports of outgoing connections. */
const LOWEST = 20_000;
const HIGHEST = 32_000;
const ATTEMPTS_MAX = 3;

async function isFree(port) {
  const server = net.createServer();
  server.listen({ port, host: '127.0.0.1' });
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

async function chooseFree(taken) {
  for (;;) {
    const port = randomInt(LOWEST, HIGHEST);
    if (!taken.includes(port) && (await isFree(port))) return port;
  }
}

/** Makes sure the named ports of the stack are free, choosing anew those that are not, and remembers them. */
async function settlePorts(stack, names) {
  for (const name of names) {
    const before = stack.state.ports[name];
    if (before !== undefined && (await isFree(before))) continue;
    const port = await chooseFree(Object.values(stack.state.ports));
    if (before !== undefined) say(`Port ${before} is taken by another program: ${name} moves to ${port}.`);
    stack.saveState({ ports: { ...stack.state.ports, [name]: port } });
  }
}

/** Starts something that listens on the named ports; once more on others if a program of somebody else was faster. */
export async function startOnFreePorts(stack, names, start) {
  for (let attempt = 1; ; attempt += 1) {
    await settlePorts(stack, names);
    try {
      return await start();
    } catch (error) {
      const wereFree = await Promise.all(names.map((name) => isFree(stack.state.ports[name])));
      if (attempt === ATTEMPTS_MAX || wereFree.every(Boolean)) throw error;
    }
  }
}
