import { verifyAuditChain } from '../../verify-audit-chain';
import type { Check, CheckContext, Finding } from '../check';
import { sqlCheck } from '../sql-check';
import { CLOCK_SLACK_MS } from '../../anchor/trusted-anchor';
import { ANCHOR_CHECKS, ANCHOR_LATE_MS, oweAnchors } from './anchor-contradicted';
import { anchorsKeptInside } from './anchors-kept-inside';
import { auditUnsealed } from './audit-unsealed';

/** The audit log and the anchors: that what was done is still told as it was done. */
export const AUDIT_TRAIL_CHECKS: readonly Check[] = [
  {
    id: 'audit-chain-broken',
    section: 'permissions',
    item: 'audit-trail',
    severity: 'severe',
    title: { zh: '审计日志哈希链断裂', en: 'The chain of the audit log is broken' },
    fix: {
      zh: '用最近的锚点确定被改动的区间（billing audit verify --anchor），从备份取回原行对照',
      en: 'Find what was changed with the newest anchor (billing audit verify --anchor), and compare with the rows of a backup',
    },
    run: findAuditFaults,
  },
  auditUnsealed,
  sqlCheck(
    {
      id: 'anchor-links-broken',
      section: 'backup',
      item: 'anchors',
      severity: 'severe',
      title: { zh: '锚点缺号或与前一锚点不衔接', en: 'An anchor is missing, or does not follow the one before' },
      fix: {
        zh: '以导出到库外的锚点文件为准，逐个核对编号与哈希',
        en: 'The files outside of the database are the evidence: compare numbers and hashes with them',
      },
    },
    `SELECT a.number, HEX(a.previous_hash) AS previous_hash, HEX(b.hash) AS hash_before
    FROM audit_anchors a
    LEFT JOIN audit_anchors b ON b.number = a.number - 1
    WHERE a.number > 1 AND NOT (a.previous_hash <=> b.hash)`,
  ),
  ...ANCHOR_CHECKS,
  {
    id: 'anchors-late',
    about: 'deployment',
    section: 'backup',
    item: 'anchors',
    severity: 'medium',
    title: { zh: '超过两小时没有新的锚点', en: 'There was no anchor for more than two hours' },
    fix: {
      zh: '查看任务 make-anchor 是否在运行（billing jobs list），以及 ANCHOR_DIR 是否可写',
      en: 'See whether the job make-anchor runs (billing jobs list) and whether ANCHOR_DIR can be written to',
    },
    run: findLateAnchors,
  },
  anchorsKeptInside,
];

async function findAuditFaults(context: CheckContext): Promise<readonly Finding[]> {
  const { faults } = await verifyAuditChain(context.db.knex, (sealed) => context.progress(sealed));
  return faults.map(({ position, auditId, problem }) => ({
    evidence: { position: position ?? null, audit_id: auditId ?? null, problem },
  }));
}

async function findLateAnchors({ db, now }: CheckContext): Promise<readonly Finding[]> {
  if (!(await oweAnchors(db, now))) return [];
  const [last] = await db.rows<{ number: number; create_time: Date }>(
    'SELECT number, create_time FROM audit_anchors ORDER BY number DESC LIMIT 1',
  );
  const ageMs = now.getTime() - (last?.create_time.getTime() ?? 0);
  // One of the future hides that none is made.
  if (ageMs > -CLOCK_SLACK_MS && ageMs < ANCHOR_LATE_MS) return [];
  const evidence = { last_anchor: last?.number ?? null, made: last?.create_time.toISOString() ?? null };
  return [{ evidence: { ...evidence, now: now.toISOString() } }];
}
