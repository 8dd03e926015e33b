import { sealAuditLog, type SignedAnchor } from '../../../../src/audit';
import type { Database } from '../../../../src/platform/db/database';
import { AnchorStage } from '../../../support/anchor-stage';
import { openTestDatabase, type TestDatabase } from '../../../support/database';
import { readInfra } from '../../../support/infra';
import { openServiceDatabase } from '../../../support/service-database';

const HOUR_MS = 3_600_000;

/** Issue 7, anchor: the sealer seals what somebody made up like any other row. When it says that it was done, the anchor knows better. */
describe('the audit log against an anchor', () => {
  let db: TestDatabase;
  let service: Database;
  let stage: AnchorStage;
  let anchor: SignedAnchor;

  /** A row that was written so many hours ago, by its own words. */
  async function write(hoursAgo: number): Promise<number> {
    const time = new Date(stage.clock.now().getTime() - hoursAgo * HOUR_MS);
    await db.query(
      `INSERT INTO audit_logs (action, actor, role, subject_type, subject_id, cause, after_state, create_time)
      VALUES ('CreatePlan', 'spiffe://billing/operations/operations', 'operations', 'plan', 'p', 'r', '{}', ?)`,
      [time],
      'app',
    );
    return Number((await db.query('SELECT MAX(id) AS id FROM audit_logs'))[0]?.['id']);
  }
  const told = async (): Promise<readonly string[]> =>
    (await stage.verify(anchor)).problems.map(({ problem }) => problem);
  const problem = (rows: number, known: number, first: number) =>
    `${rows} rows say that they are older than the anchor, in which ${known} waited for their seal; the first is row ${first}`;

  beforeAll(async () => {
    const infra = readInfra();
    db = await openTestDatabase(infra);
    service = openServiceDatabase(infra, db);
    stage = await AnchorStage.open(db, infra);
    await write(9);
    await sealAuditLog(service);
    // The sealer stands still for hours, while anchors are made.
    await write(8);
    await write(7);
    await stage.run('2026-01-31T14');
    [anchor] = (await stage.anchors()) as [SignedAnchor];
  }, 60_000);
  afterAll(async () => {
    await stage.close();
    await service.knex.destroy();
    await db.close();
  });

  test('may be sealed late, and may go on', async () => {
    expect(anchor.anchor).toMatchObject({ audit: { position: 1 }, tables: { audit_logs: 3 } });
    expect(await told()).toEqual([]);
    await sealAuditLog(service);
    await write(0.5);
    await write(0);
    await sealAuditLog(service);
    expect(await told()).toEqual([]);
  });

  test('has no old row that it had not before, sealed or not, and the next anchor tells people of it', async () => {
    const oldest = 2;
    await write(2);
    expect(await told()).toEqual([problem(3, 2, oldest)]);
    await sealAuditLog(service);
    expect(await told()).toEqual([problem(3, 2, oldest)]);
    await stage.run('2026-01-31T15');
    const [alert] = await stage.alerts();
    expect(JSON.parse(String(alert?.['details']))).toMatchObject({ problems: 1, first_problem: problem(3, 2, oldest) });
    // Nothing waited for its seal in the second, so that each row is one too many.
    [, anchor] = (await stage.anchors()) as [SignedAnchor, SignedAnchor];
    const madeUp = await write(2_000);
    await sealAuditLog(service);
    expect(await told()).toEqual([problem(1, 0, madeUp)]);
  });
});
