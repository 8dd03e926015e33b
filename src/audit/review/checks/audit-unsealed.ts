import { addMs } from '../../../platform/time';
import { findUnsealed } from '../../verify-audit-chain';
import type { Check, CheckContext, Finding } from '../check';

/** Rows are sealed within seconds. What is older has been waiting for a sealer that stands still. */
const UNSEALED_MS = 600_000;

/** Whether the audit log is still sealed: a row without its place in the chain can be altered, and nobody would see it. */
export const auditUnsealed: Check = {
  id: 'audit-rows-unsealed',
  // Of a copy that was restored, the newest rows are as they were.
  about: 'deployment',
  section: 'permissions',
  item: 'audit-trail',
  severity: 'medium',
  title: {
    zh: '审计日志超过十分钟没有封存',
    en: 'Rows of the audit log have waited for their seal for more than ten minutes',
  },
  fix: {
    zh: '查看任务 seal-audit-log 是否在运行（billing jobs list）；没有封存的行，锚点证明不了',
    en: 'See whether the job seal-audit-log runs (billing jobs list): what is not sealed no anchor proves',
  },
  run: findWaiting,
};

async function findWaiting({ db, now }: CheckContext): Promise<readonly Finding[]> {
  const { count, first } = await findUnsealed(db.knex, addMs(now, -UNSEALED_MS));
  if (first === undefined) return [];
  return [
    { evidence: { rows: count, first_id: first.id, made: first.createTime.toISOString(), now: now.toISOString() } },
  ];
}
