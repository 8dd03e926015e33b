import { setTimeout as pause } from 'node:timers/promises';
import { knex, type Knex } from 'knex';
import { knexSnakeCaseMappers } from 'objection';
import { sealAuditLog, verifyAuditChain } from '../../../src/audit';
import { appendAudit, type AuditEntry } from '../../../src/platform/db/audit-log';
import type { Database } from '../../../src/platform/db/database';
import { withTx } from '../../../src/platform/db/tx';
import { openTestDatabase, type TestDatabase } from '../../support/database';
import { newId } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { openServiceDatabase } from '../../support/service-database';

const NOW = new Date('2026-07-01T00:00:00.000Z');

function entryOf(subjectId: string): AuditEntry {
  const subject = { subjectType: 'plan', subjectId, userId: null } as const;
  const actor = 'spiffe://billing/operations/alice';
  return { action: 'CreatePlan', actor, ...subject, cause: 'r', after: { name: '年度会员 "A"' } };
}

/** R10, R13.9: every committed audit row gets one place in one chain, whoever commits first, and the chain never forks. */
describe('sealing the audit log', () => {
  let rows: TestDatabase;
  let db: Database;
  beforeAll(async () => {
    rows = await openTestDatabase(readInfra());
    db = openServiceDatabase(readInfra(), rows);
    await sealAll();
  });
  afterAll(async () => {
    await db.knex.destroy();
    await rows.close();
  });

  const append = (...ids: readonly string[]) =>
    withTx(db, { name: 'Test' }, (tx) => appendAudit(tx, ids.map(entryOf), NOW));
  async function sealAll(): Promise<number> {
    let sealed = 0;
    for (;;) {
      const more = await sealAuditLog(db);
      if (more === 0) return sealed;
      sealed += more;
    }
  }
  const placesOf = async (...ids: readonly string[]) => {
    const sql =
      'SELECT a.subject_id AS id, c.position FROM audit_logs a JOIN audit_chain c ON c.audit_id = a.id ' +
      'WHERE a.subject_id IN (?) ORDER BY c.position';
    return (await rows.query(sql, [ids])).map(({ id }) => String(id));
  };
  const verify = () => db.knex.transaction((tx) => verifyAuditChain(tx), { isolationLevel: 'repeatable read' });
  const headOf = async () => (await rows.query('SELECT * FROM audit_chain_head'))[0];

  test('gives rows their places in order, and the chain can be recomputed', async () => {
    const ids = [newId('a'), newId('a'), newId('a')];
    await append(...ids.slice(0, 2));
    await append(...ids.slice(2));
    expect(await verify()).toMatchObject({ faults: [], unsealed: 3 });
    expect(await sealAll()).toBe(3);
    expect(await placesOf(...ids)).toEqual(ids);
    const { faults, unsealed, end } = await verify();
    expect({ faults, unsealed }).toEqual({ faults: [], unsealed: 0 });
    expect(await headOf()).toMatchObject({ position: end.position, hash: end.hash });
  });

  test('does nothing when nothing is new', async () => {
    await sealAll();
    const head = await headOf();
    expect(await sealAuditLog(db)).toBe(0);
    expect(await headOf()).toEqual(head);
  });

  test('seals a row that was committed after a later number, once it is there', async () => {
    const [early, late] = [newId('a'), newId('a')];
    const slow = await rows.connect('root');
    try {
      await slow.beginTransaction();
      const columns = 'action, actor, subject_type, subject_id, cause, after_state, create_time';
      await slow.query(`INSERT INTO audit_logs (${columns}) VALUES ('CreatePlan', 'a/b', 'plan', ?, 'r', '{}', ?)`, [
        late,
        NOW,
      ]);
      await append(early);
      expect(await sealAll()).toBe(1);
      expect((await headOf())?.['gaps']).not.toBe('[]');
      expect(await verify()).toMatchObject({ faults: [], unsealed: 0 });
      await slow.commit();
      expect(await verify()).toMatchObject({ faults: [], unsealed: 1 });
      expect(await sealAll()).toBe(1);
    } finally {
      await slow.end();
    }
    expect(await placesOf(early, late)).toEqual([early, late]);
    expect(await headOf()).toMatchObject({ gaps: '[]' });
    expect(await verify()).toMatchObject({ faults: [], unsealed: 0 });
  });

  test('waits for a number that was rolled back, and seals nothing for it', async () => {
    const roll = withTx(db, { name: 'Test' }, async (tx) => {
      await appendAudit(tx, [entryOf(newId('a'))], NOW);
      throw new Error('rolled back for a test');
    });
    await expect(roll).rejects.toThrow('rolled back');
    await append(newId('a'));
    expect(await sealAll()).toBe(1);
    expect((await headOf())?.['gaps']).not.toBe('[]');
    expect(await verify()).toMatchObject({ faults: [], unsealed: 0 });
  });

  test('by four sealers at once while eight commit: each row once, in one chain (lesson 9)', async () => {
    const ids = Array.from({ length: 200 }, () => newId('a'));
    let isWriting = true;
    const writers = Array.from({ length: 8 }, async (_, i) => {
      for (const id of ids.filter((_id, n) => n % 8 === i)) await append(id);
    });
    const sealers = Array.from({ length: 4 }, async () => {
      while (isWriting) {
        await sealAuditLog(db, 7);
        await pause(1);
      }
    });
    await Promise.all(writers);
    isWriting = false;
    await Promise.all(sealers);
    await sealAll();
    expect((await placesOf(...ids)).sort()).toEqual([...ids].sort());
    expect(await verify()).toMatchObject({ faults: [], unsealed: 0 });
  });

  /** Whoever may do everything, on one connection, with the triggers gone; whatever is done is rolled back. */
  describe('after an insider with all power', () => {
    let root: Knex;
    let sealed: readonly string[];
    beforeAll(async () => {
      sealed = [newId('a'), newId('a'), newId('a')];
      await append(...sealed);
      await sealAll();
      const rules = { audit_logs: ['no_update'], audit_chain: ['no_update'], audit_chain_head: ['only_forward'] };
      for (const [table, names] of Object.entries(rules)) {
        for (const name of [...names, 'no_delete']) await rows.query(`DROP TRIGGER IF EXISTS ${table}_${name}`);
      }
      const { rootSocket: socketPath, rootUser: user, rootPassword: password } = readInfra();
      const connection = { socketPath, user, password, database: rows.name, timezone: 'Z', charset: 'utf8mb4_bin' };
      root = knex({ client: 'mysql2', connection, pool: { min: 0, max: 1 }, ...knexSnakeCaseMappers() });
    });
    afterAll(() => root.destroy());

    const after = async (...forgeries: readonly string[]) => {
      const tx = await root.transaction();
      try {
        for (const sql of forgeries) await tx.raw(sql.replaceAll(':id', `'${sealed[1] ?? ''}'`));
        return await verifyAuditChain(tx);
      } finally {
        await tx.rollback();
      }
    };
    const row = 'subject_id = :id';
    const place = `audit_id = (SELECT id FROM audit_logs WHERE ${row})`;
    const last = 'SELECT MAX(position) AS n FROM audit_chain';

    test.each([
      ['changed a row', [`UPDATE audit_logs SET after_state = '{}' WHERE ${row}`], 'does not match its hash'],
      ['changed who did it', [`UPDATE audit_logs SET actor = 'x/y' WHERE ${row}`], 'does not match its hash'],
      ['deleted a row', [`DELETE FROM audit_logs WHERE ${row}`], 'is sealed, but the audit row is gone'],
      [
        'deleted a row and its place',
        [`DELETE c, a FROM audit_chain c JOIN audit_logs a ON a.id = c.audit_id WHERE a.${row}`],
        'places are missing or doubled',
      ],
      ['took a row out of the chain', [`DELETE FROM audit_chain WHERE ${place}`], 'places are missing or doubled'],
      ['changed a hash', [`UPDATE audit_chain SET hash = REPEAT('x', 32) WHERE ${place}`], 'does not match its hash'],
      ['cut off the end', [`DELETE c FROM audit_chain c JOIN (${last}) l ON l.n = c.position`], 'the head says'],
      ['set the head back', ['UPDATE audit_chain_head SET position = position - 1'], 'the head says'],
      ['deleted the head', ['DELETE FROM audit_chain_head'], 'the head of the chain is gone'],
      [
        'put a row in under an old number',
        [
          "INSERT INTO audit_logs (id, action, actor, subject_type, subject_id, cause, after_state, create_time) SELECT -7, action, actor, subject_type, 'forged', cause, after_state, create_time FROM audit_logs LIMIT 1",
        ],
        'is not sealed',
      ],
    ])('who %s, is found', async (_what, forgeries, problem) => {
      const { faults } = await after(...forgeries);
      expect(faults.map((fault) => fault.problem).join('; ')).toContain(problem);
    });

    test('who wrote what can not be read, is found', async () => {
      const { faults } = await after(
        "SET SESSION sql_mode = ''",
        `UPDATE audit_logs SET create_time = '0000-00-00' WHERE ${row}`,
      );
      expect(faults.length).toBeGreaterThan(0);
    });

    test('who changed nothing, is not', async () => {
      expect(await after()).toMatchObject({ faults: [], unsealed: 0 });
    });

    test('names the row and goes on after a fault, so that each of several is found', async () => {
      const [first = '', , third = ''] = sealed;
      const { faults } = await after(
        `UPDATE audit_logs SET cause = 'forged' WHERE subject_id IN ('${first}', '${third}')`,
      );
      const ids = await rows.query('SELECT id FROM audit_logs WHERE subject_id IN (?) ORDER BY id', [[first, third]]);
      expect(faults.map(({ auditId }) => auditId)).toEqual(ids.map(({ id }) => id));
    });
  });
});
