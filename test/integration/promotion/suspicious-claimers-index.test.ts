import type { Database } from '../../../src/platform/db/database';
import { listSuspiciousClaimers } from '../../../src/promotion/suspicious-claimers.queries';
import { openTestDatabase, type TestDatabase } from '../../support/database';
import { readInfra } from '../../support/infra';
import { openServiceDatabase } from '../../support/service-database';

/** More than one call looks at. */
const CLAIMERS = 20_500;
const TIME = new Date('2026-01-01T00:00:00.000Z');

let db: TestDatabase;
let database: Database;

const idOf = (n: number): string => `u${String(n).padStart(5, '0')}`;

beforeAll(async () => {
  const infra = readInfra();
  db = await openTestDatabase(infra);
  database = openServiceDatabase(infra, db);
  for (let from = 0; from < CLAIMERS; from += 500) {
    const numbers = Array.from({ length: 500 }, (_, i) => from + i);
    await insert(
      'user_coupons',
      numbers.map((n) => couponOf(n, 'p-1')),
    );
    await insert(
      'user_identities',
      numbers.map((n) => [Buffer.alloc(32, idOf(n)), idOf(n), TIME]),
    );
  }
  // The last of them claimed five coupons.
  for (const p of [2, 3, 4, 5]) await insert('user_coupons', [couponOf(CLAIMERS - 1, `p-${p}`)]);
  await db.query('ANALYZE TABLE user_coupons, user_identities');
});
afterAll(async () => {
  await database.knex.destroy();
  await db.close();
});

async function insert(table: string, rows: readonly unknown[][]): Promise<void> {
  await db.query(`INSERT INTO ${table} VALUES ?`, [rows]);
}

function couponOf(n: number, promotionId: string): unknown[] {
  const expireTime = new Date('2027-01-01T00:00:00.000Z');
  return [`${idOf(n)}-${promotionId}`, idOf(n), promotionId, 'unused', null, null, TIME, expireTime];
}

/** Lesson 52: what a call costs is bounded, however many claim. */
describe('a page of suspicious claimers among many', () => {
  test('may be empty and yet go on: a call looks at so many, and the next one at those after them', async () => {
    const first = await listSuspiciousClaimers(database, 50, '');
    expect(first.rows).toEqual([]);
    expect(first.nextPageToken).not.toBe('');
    const second = await listSuspiciousClaimers(database, 50, first.nextPageToken);
    expect(second.rows).toMatchObject([
      { userId: idOf(CLAIMERS - 1), reasons: ['claims_without_orders'], claims: 5, usersSharing: 0 },
    ]);
    expect(second.nextPageToken).toBe('');
  });

  test('is read by indexes alone', async () => {
    const statements: { sql: string; bindings: readonly unknown[] }[] = [];
    database.knex.on('query', (query: { sql: string; bindings: readonly unknown[] }) => void statements.push(query));
    await listSuspiciousClaimers(database, 50, '');
    const isLook = (sql: string): boolean => sql.includes('AS isIdle');
    expect(statements.map(({ sql }) => isLook(sql)).filter(Boolean)).toHaveLength(22);
    for (const { sql, bindings } of [
      statements.find(({ sql }) => isLook(sql)),
      statements.find(({ sql }) => !isLook(sql)),
    ].flatMap((found) => found ?? [])) {
      const plan = await db.query(`EXPLAIN ${sql}`, bindings);
      const tables = plan.filter(({ table }) => !String(table).startsWith('<'));
      expect(tables.length).toBeGreaterThanOrEqual(3);
      for (const { table, type, key } of tables)
        expect([table, key, ['eq_ref', 'ref', 'range', 'const'].includes(String(type))]).toEqual([table, key, true]);
      if (isLook(sql)) expect(String(plan.map(({ Extra }) => Extra))).not.toMatch(/temporary/);
    }
  });

  test('is had of a farm, too: thousands of users of one identity, a full page of them within the time of a statement', async () => {
    const farm = Buffer.alloc(32, 'farm');
    for (let from = 0; from < CLAIMERS; from += 500) {
      await insert(
        'user_identities',
        Array.from({ length: 500 }, (_, i) => [farm, idOf(from + i), TIME]),
      );
    }
    await db.query('ANALYZE TABLE user_identities');
    const page = await listSuspiciousClaimers(database, 200, '');
    expect(page.rows).toHaveLength(200);
    for (const { reasons, usersSharing } of page.rows) {
      // As many as are counted, or more.
      expect([reasons, usersSharing]).toEqual([['shared_identity'], 1_000]);
    }
  });
});
