/** `endpoints.json`: where everything of the running stack is, for people, tests and other programs. */
import path from 'node:path';
import { writeAtomic } from '../files.mjs';
import { ROOT } from '../paths.mjs';
import { APP_USER, BACKUP_USER, MIGRATE_USER, databaseUrl } from './database-accounts.mjs';
import { redisUrl } from './redis.mjs';
import { IDENTITY_NAMES } from './tls.mjs';

export function endpointsFile(stack) {
  return stack.within('endpoints.json');
}

/** Writes the file and returns its content. Certificate paths are relative to the root of the clone. */
export function writeEndpoints(stack, pids) {
  const { ports } = stack.state;
  const inTls = (name) => path.relative(ROOT, stack.within('tls', name));
  const identities = IDENTITY_NAMES.map((name) => [name, { cert: inTls(`${name}.crt`), key: inTls(`${name}.key`) }]);
  const endpoints = {
    grpc: `127.0.0.1:${ports.grpc}`,
    edge: `http://127.0.0.1:${ports.edge}`,
    metrics: `http://127.0.0.1:${ports.internal}`,
    wechatpay: `http://127.0.0.1:${ports.wechatpay}`,
    databaseUrl: databaseUrl(stack, APP_USER, stack.secrets.databaseApp),
    adminDatabaseUrl: databaseUrl(stack, MIGRATE_USER, stack.secrets.databaseMigrate),
    redisUrl: redisUrl(stack),
    backup: {
      BACKUP_DIR: stack.within('backup'),
      BACKUP_KEY_FILE: stack.within('backup.key'),
      BACKUP_DATABASE_URL: databaseUrl(stack, BACKUP_USER, stack.secrets.databaseBackup),
      AUDIT_SIGNING_KEY_FILE: stack.within('audit-signing.key'),
    },
    tls: { ca: inTls('ca.crt'), identities: Object.fromEntries(identities) },
    pids,
  };
  writeAtomic(endpointsFile(stack), `${JSON.stringify(endpoints, null, 2)}\n`, 0o600);
  return endpoints;
}
