import type { Knex } from 'knex';
import type { Database } from '../platform/db/database';
import { readOnly, type Tx } from '../platform/db/tx';
import { cutPage, readPageToken, type Page } from '../platform/paging';
import { catalogErrors } from './catalog.errors';
import { PlanPriceRow, PlanRow } from './plan.model';

/** The catalogue as the people see it who manage it: every plan, with every version. */

/** A plan with everything it ever sold under, newest first. */
export interface CatalogEntry {
  readonly plan: PlanRow;
  readonly prices: readonly PlanPriceRow[];
}

function notFound(planId: string): Error {
  return catalogErrors.PLAN_NOT_FOUND({ metadata: { plan_id: planId } });
}

async function withPrices(reader: Knex, plans: readonly PlanRow[]): Promise<readonly CatalogEntry[]> {
  const ids = plans.map(({ id }) => id);
  const prices = await PlanPriceRow.query(reader).whereIn('planId', ids).orderBy('validFrom', 'desc');
  return plans.map((plan) => ({ plan, prices: prices.filter(({ planId }) => planId === plan.id) }));
}

/** One plan of any kind and status. Throws PLAN_NOT_FOUND. */
export async function readCatalogEntry(db: Database, planId: string): Promise<CatalogEntry> {
  const [entry] = await readOnly(db, async (reader) =>
    withPrices(reader, await PlanRow.query(reader).where('id', planId)),
  );
  if (entry === undefined) throw notFound(planId);
  return entry;
}

/** One page of plans by id. Throws INVALID_REQUEST for a foreign page token. */
export async function listCatalog(db: Database, pageSize: number, pageToken: string): Promise<Page<CatalogEntry>> {
  const filters = { list: 'catalog' };
  const after = readPageToken(pageToken, filters) ?? '';
  return readOnly(db, async (reader) => {
    const query = PlanRow.query(reader).where('id', '>', after).orderBy('id');
    const page = cutPage(await query.limit(pageSize + 1), pageSize, filters, ({ id }) => id);
    return { ...page, rows: await withPrices(reader, page.rows) };
  });
}

/** Locks a plan: every change of it waits. Throws PLAN_NOT_FOUND. */
export async function lockPlan(tx: Tx, planId: string): Promise<PlanRow> {
  const plan = await PlanRow.query(tx).findById(planId).forUpdate();
  if (plan === undefined) throw notFound(planId);
  return plan;
}
