import { APP_USER, MIGRATE_USER, REPORT_USER } from './database-accounts.mjs';
import { redisUrl } from './redis.mjs';

/** What a runner of bench/ needs to know about the servers. */
export function describeBenchInfrastructure(stack, pids) {
  const { secrets, state } = stack;
  return {
    directory: stack.directory,
    rootSocket: state.socket,
    rootPassword: secrets.databaseRoot,
    port: state.ports.mariadb,
    redisUrl: redisUrl(stack),
    tlsDir: stack.within('tls'),
    wechatpayDir: stack.within('wechatpay'),
    accounts: {
      migrate: { user: MIGRATE_USER, password: secrets.databaseMigrate },
      app: { user: APP_USER, password: secrets.databaseApp },
      report: { user: REPORT_USER, password: secrets.databaseReport },
    },
    dataKeys: secrets.dataKeys,
    identityIndexKey: secrets.identityIndexKey,
    auditSigningKey: secrets.auditSigningKey,
    pids,
  };
}
