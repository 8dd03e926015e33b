import { sealAuditLog, verifyAuditChain } from '../../../src/audit';
import { openTestDatabase } from '../../support/database';
import { readInfra } from '../../support/infra';
import { openServiceDatabase } from '../../support/service-database';
test('measure', async () => {
  const rows = await openTestDatabase(readInfra(), '_zz');
  const db = openServiceDatabase(readInfra(), rows);
  const one = "INSERT INTO audit_logs (action, actor, role, request, subject_type, subject_id, user_id, cause, before_state, after_state, create_time) SELECT 'ClaimCoupon','spiffe://billing/order-service/order-service','order-service','PromotionService/ClaimCoupon/claim-0b1c','coupon',CONCAT('c',seq),CONCAT('u',seq),'claim-0b1c',NULL,'{\"promotion_id\":\"p-1\",\"expire_time\":\"2026-08-01T00:00:00.000Z\"}',NOW(3) FROM seq_1_to_100000";
  await rows.query(one);
  let t = Date.now(); let n = 0;
  for (;;) { const d = await sealAuditLog(db); n += d; if (d === 0) break; }
  const seal = Date.now() - t;
  t = Date.now();
  const idle = async () => { for (let i = 0; i < 50; i += 1) await sealAuditLog(db); };
  await idle(); const idleMs = (Date.now() - t) / 50;
  t = Date.now();
  const r = await db.knex.transaction((tx) => verifyAuditChain(tx));
  process.stderr.write(JSON.stringify({ n, sealMs: seal, idleMs, verifyMs: Date.now() - t, faults: r.faults, sealed: r.sealed, rss: process.memoryUsage().rss / 1e6 }) + '\n');
  await db.knex.destroy(); await rows.close();
});
