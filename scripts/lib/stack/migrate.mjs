/** Brings a database of the stack to the newest schema, with the account that owns it. */
import { ROOT, inRoot } from '../paths.mjs';
import { run } from '../processes.mjs';
import { APP_USER, MIGRATE_USER, REPORT_USER, databaseUrl } from './database-accounts.mjs';

export function migrate(stack) {
  const env = {
    PATH: process.env.PATH,
    MIGRATE_DATABASE_URL: databaseUrl(stack, MIGRATE_USER, stack.secrets.databaseMigrate),
    APP_DATABASE_USER: APP_USER,
    REPORT_DATABASE_USER: REPORT_USER,
  };
  const commandLine = inRoot('dist', 'src', 'cli', 'main.js');
  return run(process.execPath, ['--enable-source-maps', commandLine, 'migrate'], { env, cwd: ROOT });
}
