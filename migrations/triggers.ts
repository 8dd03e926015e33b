import type { Knex } from 'knex';

/**
 * Triggers that make the database itself refuse what the code should never try. Used by migrations, so what these
 * functions generate never changes: a new rule is a new function.
 */

const REFUSED = "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT";

async function createTrigger(knex: Knex, name: string, event: string, table: string, body: string): Promise<void> {
  await knex.raw(`CREATE TRIGGER IF NOT EXISTS ${name} BEFORE ${event} ON ${table} FOR EACH ROW ${body}`);
}

/** No row of the table is ever deleted. */
async function refuseDelete(knex: Knex, table: string): Promise<void> {
  await createTrigger(knex, `${table}_no_delete`, 'DELETE', table, `${REFUSED} = '${table}: rows are never deleted'`);
}

/** Rows are inserted once and never changed nor deleted. */
export async function appendOnly(knex: Knex, table: string): Promise<void> {
  await createTrigger(knex, `${table}_no_update`, 'UPDATE', table, `${REFUSED} = '${table}: rows are never changed'`);
  await refuseDelete(knex, table);
}

/** What may not change after insert. */
export interface FrozenColumns {
  /** Never change. */
  readonly always: readonly string[];
  /** May be set once, from NULL, and then never change. */
  readonly onceSet?: readonly string[];
  /** Further conditions that refuse an update, as SQL over OLD and NEW, each with its message. */
  readonly refuseWhen?: readonly { readonly condition: string; readonly message: string }[];
}

/** The named columns are frozen after insert, and no row is deleted. */
export async function freezeColumns(knex: Knex, table: string, columns: FrozenColumns): Promise<void> {
  const frozen = columns.always.map((column) => `NOT (OLD.${column} <=> NEW.${column})`);
  const onceSet = (columns.onceSet ?? []).map(
    (column) => `(OLD.${column} IS NOT NULL AND NOT (OLD.${column} <=> NEW.${column}))`,
  );
  const rules = [
    { condition: [...frozen, ...onceSet].join(' OR '), message: 'identity and money columns are frozen' },
    ...(columns.refuseWhen ?? []),
  ];
  const body = rules
    .map((rule) => `IF ${rule.condition} THEN ${REFUSED} = '${table}: ${rule.message}'; END IF;`)
    .join(' ');
  await createTrigger(knex, `${table}_frozen`, 'UPDATE', table, `BEGIN ${body} END`);
  await refuseDelete(knex, table);
}

/** A condition over NEW that refuses an insert. */
export async function refuseInsertWhen(
  knex: Knex,
  table: string,
  rule: { readonly name: string; readonly condition: string; readonly message: string },
): Promise<void> {
  const body = `BEGIN IF ${rule.condition} THEN ${REFUSED} = '${table}: ${rule.message}'; END IF; END`;
  await createTrigger(knex, `${table}_${rule.name}`, 'INSERT', table, body);
}

/** A condition over OLD and NEW that refuses an update. */
export async function refuseUpdateWhen(
  knex: Knex,
  table: string,
  rule: { readonly name: string; readonly condition: string; readonly message: string },
): Promise<void> {
  const body = `BEGIN IF ${rule.condition} THEN ${REFUSED} = '${table}: ${rule.message}'; END IF; END`;
  await createTrigger(knex, `${table}_${rule.name}`, 'UPDATE', table, body);
}

/** For a table whose columns are frozen by rules of its own. */
export async function refuseRowDelete(knex: Knex, table: string): Promise<void> {
  await refuseDelete(knex, table);
}

/** Gives columns of a new row a value where a condition over NEW holds: what a writer that does not know them left out. */
export async function setOnInsert(
  knex: Knex,
  table: string,
  rule: { readonly name: string; readonly condition: string; readonly set: string },
): Promise<void> {
  const body = `BEGIN IF ${rule.condition} THEN SET ${rule.set}; END IF; END`;
  await createTrigger(knex, `${table}_${rule.name}`, 'INSERT', table, body);
}

/**
 * What the database itself does to another table after a row was inserted, where a condition over NEW holds. It runs with the
 * rights of the account that migrates: no other account needs them.
 */
export async function afterInsert(
  knex: Knex,
  table: string,
  rule: { readonly name: string; readonly condition: string; readonly then: string },
): Promise<void> {
  const body = `BEGIN IF ${rule.condition} THEN ${rule.then}; END IF; END`;
  await knex.raw(`CREATE TRIGGER IF NOT EXISTS ${table}_${rule.name} AFTER INSERT ON ${table} FOR EACH ROW ${body}`);
}

/** Gives columns of a changed row a value where a condition over OLD and NEW holds. */
export async function setOnUpdate(
  knex: Knex,
  table: string,
  rule: { readonly name: string; readonly condition: string; readonly set: string },
): Promise<void> {
  const body = `BEGIN IF ${rule.condition} THEN SET ${rule.set}; END IF; END`;
  await createTrigger(knex, `${table}_${rule.name}`, 'UPDATE', table, body);
}
