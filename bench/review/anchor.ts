import { makeAnchors } from '../../src/audit';
import { systemClock } from '../../src/platform/clock';
import { createSigner } from '../../src/platform/crypto/signing';
import { openDatabase } from '../../src/platform/db/database';
import { createLogger } from '../../src/platform/log';
import { latestHour } from '../../src/platform/time';
import type { BenchInfra } from '../runner/infra';
import { serviceConfig } from '../runner/servers';

const SILENT = { transactionEnded: () => undefined, transactionRetried: () => undefined };

/** Makes the anchor of a database as the service's job does, with the leaves of all its users, in a directory. */
export async function makeAnchor(infra: BenchInfra, database: string, dir: string): Promise<void> {
  const config = serviceConfig(infra, database);
  const db = openDatabase(config, SILENT);
  const signer = createSigner(infra.auditSigningKey);
  try {
    const make = makeAnchors({
      ...{ db, clock: systemClock, log: createLogger({ level: 'warn', role: 'bench' }) },
      ...{ databaseUrl: config.DATABASE_URL, dir, webhook: undefined },
      ...{ signer: () => signer, publicKeys: () => [signer.publicKeyPem] },
    });
    await make(new AbortController().signal, latestHour(systemClock.now(), 0));
  } finally {
    await db.knex.destroy();
  }
}
