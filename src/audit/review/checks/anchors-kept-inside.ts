import type { SignedAnchor } from '../../anchor/anchor-document';
import { anchorPath, readAnchorFile } from '../../anchor/anchor-files';
import { Problems } from '../../anchor/problems';
import type { Check, CheckContext, Finding, ReviewReader } from '../check';
import { findRows } from '../sql-check';
import { newestStored } from './anchor-contradicted';

/** Whether anchors leave the database: there alone they prove something against who can change it. */
export const anchorsKeptInside: Check = {
  id: 'anchors-kept-inside',
  about: 'deployment',
  section: 'backup',
  item: 'anchors',
  severity: 'medium',
  title: { zh: '锚点没有导出到库外', en: 'An anchor did not leave the database' },
  fix: {
    zh: '恢复 ANCHOR_DIR 与 ANCHOR_WEBHOOK_URL；没有导出的锚点防不住能改库的人',
    en: 'Mend ANCHOR_DIR and ANCHOR_WEBHOOK_URL: an anchor that stays inside proves nothing against who can change the database',
  },
  run: findKeptInside,
};

/** Each has an hour to be handed out, until the next one is made. */
const NOT_HANDED_OUT = `
  SELECT a.number, a.create_time
  FROM audit_anchors a
  WHERE a.export_time IS NULL AND a.create_time < ? - INTERVAL 1 HOUR`;

async function* findKeptInside({ db, now, facts }: CheckContext): AsyncIterable<Finding> {
  yield* findRows(db, NOT_HANDED_OUT, [now]);
  // Those that can not be believed are told as such.
  const newest = await newestStored(db, facts, new Problems());
  if (newest === undefined || facts.anchors === undefined || !(await isHandedOut(db, newest))) return;
  const problem = await fileProblem(facts.anchors.dir, newest);
  if (problem !== undefined) yield { evidence: { number: newest.anchor.number, problem } };
}

/** The account of the service may say so of any anchor, and its file is then never written. */
async function isHandedOut(db: ReviewReader, { anchor }: SignedAnchor): Promise<boolean> {
  const sql = 'SELECT number FROM audit_anchors WHERE number = ? AND export_time IS NOT NULL';
  return (await db.rows(sql, [anchor.number])).length > 0;
}

async function fileProblem(dir: string, { anchor, hash }: SignedAnchor): Promise<string | undefined> {
  const there = await readAnchorFile(anchorPath(dir, anchor)).catch(() => undefined);
  if (there === undefined) return 'is said to be handed out, and its file is not there or can not be read';
  return there.hash.equals(hash) ? undefined : 'its file holds another anchor';
}
