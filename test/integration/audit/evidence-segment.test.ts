import { buildEvidence } from '../../../src/audit/evidence/build-evidence';
import type { EvidenceSubject } from '../../../src/audit/evidence/subject';
import { verifyEvidence } from '../../../src/audit/evidence/verify-evidence';
import { loadConfig } from '../../../src/platform/config';
import { createFieldCipher } from '../../../src/platform/crypto/field-cipher';
import { createSigner } from '../../../src/platform/crypto/signing';
import type { Database } from '../../../src/platform/db/database';
import { mustSucceed } from '../../support/clients';
import { auditVerifier, rowsOf } from '../../support/evidence-calls';
import { consume, refund, registerMember, serviceEnvironment, startHarness, type Harness } from '../../support/harness';
import { openServiceDatabase } from '../../support/service-database';

/** R7.2: an old order of somebody who has used the service ever since can be exported, though the log behind it would fit into no archive. */
describe('evidence of somebody whose log goes on for long', () => {
  let h: Harness;
  let db: Database;
  let userId: string;
  let head: number;

  beforeAll(async () => {
    h = await startHarness();
    db = openServiceDatabase(h.infra, h.db);
    ({ userId } = await registerMember(h));
    // Rows 1 and 2 are the grants, of the registration and of the order.
    await mustSucceed(consume(h, { userId, requestId: 'c-0', amount: 3, taskId: 'task-0', taskType: 'matting' }));
    await mustSucceed(consume(h, { userId, requestId: 'c-1', amount: 7, taskId: 'task-1', taskType: 'matting' }));
    await mustSucceed(consume(h, { userId, requestId: 'c-2', amount: 1, taskId: 'task-2', taskType: 'matting' }));
    await mustSucceed(refund(h, { userId, requestId: 'r-1', consumeRequestId: 'c-1', amount: 2 }));
    await mustSucceed(consume(h, { userId, requestId: 'c-3', amount: 1, taskId: 'task-3', taskType: 'matting' }));
    const [user] = await h.db.query('SELECT log_sequence AS head FROM users WHERE id = ?', [userId]);
    head = Number(user?.['head']);
  }, 60_000);
  afterAll(async () => {
    await db.knex.destroy();
    await h.stop();
  });

  /** The rows of the log in an archive in which at most so many may follow the first that matters, and what the archive comes to. */
  async function exported(subject: EvidenceSubject, rowsToHeadMax: number) {
    const signer = createSigner(h.infra.auditSigningKey);
    const cipher = createFieldCipher(loadConfig(serviceEnvironment(h.infra, h.db.url, 'http://127.0.0.1:1')).DATA_KEYS);
    const parts = { db, cipher, signer: () => signer, publicKeys: () => [signer.publicKeyPem], version: 'test' };
    const archive = await buildEvidence(parts, { subject, requestedBy: 'me', now: h.clock.now() }, rowsToHeadMax);
    const rows = rowsOf(archive, 'quota_logs').map(({ sequence }) => Number(sequence));
    return { rows, report: verifyEvidence(archive, [auditVerifier(h)]) };
  }
  const rowsBetween = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, at) => first + at);

  test('is that of a task until the last row that settled it', async () => {
    expect(head).toBe(7);
    for (const [taskId, rows] of [
      ['task-0', [3]],
      ['task-1', [4, 5, 6]],
    ] as const) {
      const found = await exported({ type: 'task', id: taskId, userId }, 1);
      expect(found.rows).toEqual(rows);
      const quotaRowsBehind = head - (rows.at(-1) ?? 0);
      expect(found.report).toMatchObject({ problems: [], quotaRows: rows.length, quotaRowsBehind });
    }
  });

  test('is that of an order until the last row that took from what it sold, or put back into it', async () => {
    const [lot] = await h.db.query(
      'SELECT grant_id, order_id FROM quota_grants WHERE user_id = ? AND order_id IS NOT NULL',
      [userId],
    );
    const logs = await h.db.query('SELECT sequence, lots FROM quota_logs WHERE user_id = ? ORDER BY sequence', [
      userId,
    ]);
    const first = Number(lot?.['grant_id']);
    const touching = logs.filter(({ lots }) =>
      (JSON.parse(String(lots)) as [number, number][]).some(([id]) => id === first),
    );
    const last = Number(touching.at(-1)?.['sequence']);
    const { rows, report } = await exported({ type: 'order', id: String(lot?.['order_id']) }, 1);
    expect(rows).toEqual(rowsBetween(first, last));
    expect(report).toMatchObject({ problems: [], quotaRowsBehind: head - last });
  });

  test('leads to the head where that is near, and of a user always', async () => {
    const ofTask = await exported({ type: 'task', id: 'task-0', userId }, head);
    expect(ofTask.rows).toEqual(rowsBetween(3, head));
    expect(ofTask.report).toMatchObject({ problems: [], quotaRowsBehind: 0 });
    const ofUser = await exported({ type: 'user', id: userId }, 1);
    expect(ofUser.rows).toEqual(rowsBetween(1, head));
    expect(ofUser.report).toMatchObject({ problems: [], quotaRowsBehind: 0 });
  });
});
