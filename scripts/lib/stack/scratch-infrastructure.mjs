/** Servers for one run only: a test run's, the schema check's, a benchmark's. They start empty and are gone afterwards. */
import { withLock } from '../lock.mjs';
import { startInfrastructure, stopInfrastructure } from './infrastructure.mjs';
import { existingStack, openStack } from './layout.mjs';
import { makeMemoryHome, removeHome } from './memory-home.mjs';

async function discard(directory) {
  const stack = existingStack(directory);
  await stopInfrastructure(stack);
  for (const name of ['mariadb', 'redis']) removeHome(stack.within(name));
}

/**
 * Does the work with an empty MariaDB and Redis in the directory; certificates and logs stay for the next run. The work
 * gets the stack and the process ids of the servers. `mariadbArguments` are added to the server's own; `isInMemory` keeps
 * MariaDB's data off the disk where there is room.
 */
export function withScratchInfrastructure(directory, work, { mariadbArguments = [], isInMemory = false } = {}) {
  return withLock('local stack', directory, async () => {
    await discard(directory);
    const stack = Object.assign(await openStack(directory), { mariadbArguments });
    if (isInMemory) makeMemoryHome(stack.within('mariadb'));
    try {
      const { mariadb, redisPid } = await startInfrastructure(stack);
      return await work(stack, { mariadb: mariadb.pid, redis: redisPid });
    } finally {
      await discard(directory);
    }
  });
}
