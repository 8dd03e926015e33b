import type { Knex } from 'knex';
import { BackupError } from './backup.errors';

/**
 * A dump by an account that may not see triggers or procedures has none of them, and says nothing. So what the account may do is
 * asked before, and what there is is counted, to be compared with what comes back.
 */

/** What a dump must see. Without it the program that dumps leaves things out, or reads nothing at all. */
const NEEDED = ['SELECT', 'SHOW VIEW', 'TRIGGER'];
/** Any of these shows procedures: of MariaDB the table that holds them, of MySQL 8 a privilege for it. */
const SHOWS_ROUTINES = ['SELECT mysql.proc', 'SHOW_ROUTINE', 'SELECT'];

type Rows = readonly { readonly place: string; readonly privilege: string }[];

/** Throws unless our account may see everything that a backup of the database must hold. */
export async function requireBackupRights(database: Knex, name: string): Promise<void> {
  const sql = `
    SELECT '' AS place, PRIVILEGE_TYPE AS privilege FROM information_schema.USER_PRIVILEGES
    UNION ALL SELECT 'ours', PRIVILEGE_TYPE FROM information_schema.SCHEMA_PRIVILEGES WHERE TABLE_SCHEMA IN (?, ?)
    UNION ALL SELECT 'mysql.proc', PRIVILEGE_TYPE FROM information_schema.TABLE_PRIVILEGES
      WHERE TABLE_SCHEMA = 'mysql' AND TABLE_NAME = 'proc'`;
  const [rows] = (await database.raw(sql, [name, name.replaceAll('_', '\\_')])) as [Rows];
  const everywhere = new Set(rows.filter(({ place }) => place === '').map(({ privilege }) => privilege));
  const ours = new Set(rows.filter(({ place }) => place === 'ours').map(({ privilege }) => privilege));
  const missing = NEEDED.filter((privilege) => !everywhere.has(privilege) && !ours.has(privilege));
  if (missing.length > 0) {
    throw new BackupError(`the account lacks ${missing.join(', ')} on ${name}: its backup would be incomplete`);
  }
  const held = new Set([...everywhere, ...rows.map(({ place, privilege }) => `${privilege} ${place}`)]);
  if (SHOWS_ROUTINES.some((privilege) => held.has(privilege))) return;
  throw new BackupError(
    'the account lacks SELECT on mysql.proc (MySQL: SHOW_ROUTINE): its backup would lack procedures',
  );
}

/** How many things of each kind a database has. */
export interface ObjectCounts {
  readonly tables: number;
  readonly triggers: number;
  readonly routines: number;
}

/** Counts what the account sees. */
export async function countObjects(database: Knex, name: string): Promise<ObjectCounts> {
  const sql = `
    SELECT (SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_TYPE = 'BASE TABLE') AS tables,
      (SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ?) AS triggers,
      (SELECT COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ?) AS routines`;
  const [[row]] = (await database.raw(sql, [name, name, name])) as [readonly ObjectCounts[]];
  return { tables: Number(row?.tables), triggers: Number(row?.triggers), routines: Number(row?.routines) };
}
