import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openProofDatabase } from '../database';
import { readEndpoints } from '../endpoints';
import { findLeaks, type Secret } from './leaks';
import { sealedSecrets } from './sealed-secrets';
import { readDataKeys, stackSecrets } from './stack-secrets';

/**
 * Looks through every log of the local stack, given its endpoints.json, for every key and password that the stack has and for
 * what it was told in confidence. Exit code 0 when there is none of them. `npm run demo` runs it at its end.
 */

/** Lines of a log wait this long for others at most. */
const LOG_DELAY_MS = 1_000;

async function secretsOf(endpointsPath: string, local: string): Promise<Secret[]> {
  const database = await openProofDatabase(readEndpoints(endpointsPath).databaseUrl);
  try {
    return [...stackSecrets(local), ...(await sealedSecrets((sql) => database.read(sql), readDataKeys(local)))];
  } finally {
    await database.close();
  }
}

async function main(endpointsPath: string): Promise<number> {
  const local = dirname(resolve(endpointsPath));
  await delay(LOG_DELAY_MS);
  const secrets = await secretsOf(endpointsPath, local);
  const logs = readdirSync(join(local, 'log')).map((name) => ({
    name,
    text: readFileSync(join(local, 'log', name), 'utf8'),
  }));
  const kinds = new Set(secrets.map(({ what }) => what));
  // Whoever finds nothing must have looked for something, and in something.
  const isSomething = kinds.has('callback') && kinds.has('data key') && kinds.has('merchant.key');
  if (!isSomething || !logs.some(({ name, text }) => name === 'service.log' && text !== '')) {
    process.stderr.write('There is nothing to look for, or nothing to look through.\n');
    return 1;
  }
  const leaks = logs.flatMap(({ name, text }) => findLeaks(secrets, name, text));
  if (leaks.length > 0) {
    process.stderr.write(`${leaks.join('\n')}\n`);
    return 1;
  }
  process.stdout.write(`None of ${secrets.length} secrets and callbacks is in the logs of the stack.\n`);
  return 0;
}

void main(process.argv[2] ?? '').then((exitCode) => {
  process.exitCode = exitCode;
});
