/** Servers for one run only: a test run's, or the schema check's. They start empty and are gone afterwards. */
import { rmSync } from 'node:fs';
import { withLock } from '../lock.mjs';
import { startInfrastructure, stopInfrastructure } from './infrastructure.mjs';
import { existingStack, openStack } from './layout.mjs';

async function discard(directory) {
  const stack = existingStack(directory);
  await stopInfrastructure(stack);
  for (const name of ['mariadb', 'redis']) rmSync(stack.within(name), { recursive: true, force: true });
}

/** Does the work with an empty MariaDB and Redis in the directory; certificates and logs stay for the next run. */
export function withScratchInfrastructure(directory, work) {
  return withLock('local stack', directory, async () => {
    await discard(directory);
    const stack = await openStack(directory);
    try {
      await startInfrastructure(stack);
      return await work(stack);
    } finally {
      await discard(directory);
    }
  });
}
