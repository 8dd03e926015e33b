import { createVerifier } from '../../../platform/crypto/signing';
import { checkSignature, type SignedAnchor } from '../../anchor/anchor-document';
import { anchorOfRow } from '../../anchor/anchor.queries';
import { compareStored } from '../../anchor/compare-heads';
import { LeavesUnproved, proveLeaves, type ProvedLeaves } from '../../anchor/leaves-file';
import { Problems } from '../../anchor/problems';
import type { Check, CheckContext, Finding, ReviewFacts, ReviewReader } from '../check';

/**
 * Whether what is stored is what the newest anchor says that was stored. Whoever may do everything can have a chain hold that tells
 * another story; then it does not lead to what was signed.
 */
export const anchorContradicted: Check = {
  id: 'anchor-contradicted',
  section: 'backup',
  item: 'anchors',
  severity: 'severe',
  title: {
    zh: '数据库与最近的签名锚点矛盾：历史在签名之后被重写或删除',
    en: 'The database contradicts its newest anchor: history was rewritten or deleted since that was signed',
  },
  fix: {
    zh: '保全现场；用库外的锚点文件逐行核对（billing audit verify --anchor），从备份恢复被改写的部分',
    en: 'Keep everything; find what was changed with the files outside of the database (billing audit verify --anchor), and restore it from a backup',
  },
  run: findContradictions,
};

async function findContradictions({ db, facts }: CheckContext): Promise<readonly Finding[]> {
  const problems = new Problems();
  const signed = await newestAnchor(db, facts, problems);
  if (signed !== undefined) {
    const leaves = await leavesOf(signed, facts.anchorDir, problems);
    await compareStored(db, { anchor: signed.anchor, leaves }, problems);
  }
  const anchor = signed?.anchor.number ?? null;
  return problems.first.map(({ subject, problem }) => ({ evidence: { anchor, subject, problem } }));
}

/** Anchors among which one of ours is looked for: those of a day. */
const LOOKED_AT = 24;

interface AnchorCopy {
  readonly number: number;
  readonly document: string;
  readonly hash: Buffer;
  readonly signature: Buffer;
}

/** The newest anchor that one of our keys signed; else the newest of a key that we no longer know. */
async function newestAnchor(
  db: ReviewReader,
  { publicKeys }: ReviewFacts,
  problems: Problems,
): Promise<SignedAnchor | undefined> {
  const verifiers = publicKeys.map(createVerifier);
  let unknown: SignedAnchor | undefined;
  const copies = await db.rows<AnchorCopy>(
    `SELECT number, document, hash, signature FROM audit_anchors ORDER BY number DESC LIMIT ${LOOKED_AT}`,
  );
  for (const copy of copies) {
    const signed = readCopy(copy);
    const verdict = signed?.hash.equals(copy.hash) === true ? checkSignature(signed, verifiers) : 'bad';
    if (verdict === 'good') return signed;
    if (verdict === 'bad') problems.add(`anchor ${copy.number}`, 'is not as it was signed');
    else unknown ??= signed;
  }
  return unknown;
}

function readCopy(copy: AnchorCopy): SignedAnchor | undefined {
  try {
    return anchorOfRow(copy);
  } catch {
    return undefined;
  }
}

/** Where the logs of all users stood; undefined where the review does not know of the directory that says so. */
async function leavesOf(
  { anchor }: SignedAnchor,
  anchorDir: string | undefined,
  problems: Problems,
): Promise<ProvedLeaves | undefined> {
  if (anchorDir === undefined) return undefined;
  try {
    return await proveLeaves(anchorDir, anchor);
  } catch (error) {
    if (!(error instanceof LeavesUnproved)) throw error;
    problems.add(`anchor ${anchor.number}`, error.message);
    return undefined;
  }
}
