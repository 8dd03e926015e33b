import { createVerifier, type Verifier } from '../../../platform/crypto/signing';
import { checkSignature, type SignedAnchor } from '../../anchor/anchor-document';
import { readAnchorFile } from '../../anchor/anchor-files';
import { anchorOfRow } from '../../anchor/anchor.queries';
import { compareOwnCopy, compareStored } from '../../anchor/compare-heads';
import { LeavesUnproved, proveLeaves, type ProvedLeaves } from '../../anchor/leaves-file';
import { Problems } from '../../anchor/problems';
import type { AnchorFacts, Check, CheckContext, Finding, ReviewFacts, ReviewReader } from '../check';

/**
 * Whether what is stored is what was signed. Whoever may do everything can have a chain hold that tells another story; then it does
 * not lead to the anchor. An anchor that nobody can believe, or none at all, is no reason to believe the database.
 */
export const ANCHOR_CHECKS: readonly Check[] = [
  {
    id: 'anchor-contradicted',
    section: 'backup',
    item: 'anchors',
    severity: 'severe',
    title: {
      zh: '数据库与最近的签名锚点矛盾（历史在签名之后被重写或删除），或没有可信的锚点',
      en: 'The database contradicts its newest anchor (history was rewritten or deleted since), or has none that can be believed',
    },
    fix: {
      zh: '保全现场；用库外的锚点文件逐行核对（billing audit verify --anchor），从备份恢复被改写的部分',
      en: 'Keep everything; find what was changed with the files outside of the database (billing audit verify --anchor), and restore it from a backup',
    },
    run: findContradictions,
  },
  {
    id: 'anchor-lost',
    // A copy that was restored ends before the anchors that were made since.
    about: 'deployment',
    section: 'backup',
    item: 'anchors',
    severity: 'severe',
    title: {
      zh: '库外最近的锚点不在数据库中，或不可信',
      en: 'The newest anchor outside of the database is not in it, or can not be believed',
    },
    fix: {
      zh: '保全现场；数据库被退回或锚点被删除：用该锚点文件逐行核对（billing audit verify --anchor）',
      en: 'Keep everything: the database was set back, or its anchors were deleted. Compare it with that file (billing audit verify --anchor)',
    },
    run: findLostAnchor,
  },
];

async function* findContradictions({ db, now, facts }: CheckContext): AsyncIterable<Finding> {
  const problems = new Problems();
  const signed = await newestStored(db, facts, problems);
  if (signed !== undefined) await compare(db, signed, facts.anchors, problems);
  else if (problems.count === 0 && (await oweAnchors(db, now))) {
    problems.add('anchors', 'there is none, though the audit log is older than two hours');
  }
  yield* findingsOf(problems, signed);
}

/** The files were listed before the snapshot was taken, and a file is written after its row: each must be there. */
async function* findLostAnchor({ db, facts: { anchors, publicKeys } }: CheckContext): AsyncIterable<Finding> {
  if (anchors === undefined) return;
  const problems = new Problems();
  const signed = await newestBelieved(filedAnchors(anchors), publicKeys.map(createVerifier), problems);
  if (signed !== undefined) {
    await compareOwnCopy(db, signed, problems);
    // What the database has instead.
    if (problems.count > 0) await compare(db, signed, anchors, problems);
  }
  yield* findingsOf(problems, signed);
}

/** All are told of, so that all are counted; those that were not kept say no more than that they are there. */
function* findingsOf({ first, count }: Problems, signed: SignedAnchor | undefined): Iterable<Finding> {
  const anchor = signed?.anchor.number ?? null;
  for (const { subject, problem } of first) yield { evidence: { anchor, subject, problem } };
  const another = { evidence: { anchor } };
  for (let told = first.length; told < count; told += 1) yield another;
}

/** What is said to be an anchor; `signed` is undefined where it can not even be read. */
interface Candidate {
  readonly subject: string;
  readonly signed: SignedAnchor | undefined;
}

/** The newest anchor that one of our keys signed. Those that come before it could hide it, so each of them is a problem. */
async function newestBelieved(
  newestFirst: AsyncIterable<Candidate>,
  verifiers: readonly Verifier[],
  problems: Problems,
): Promise<SignedAnchor | undefined> {
  for await (const { subject, signed } of newestFirst) {
    const verdict = signed === undefined ? 'bad' : checkSignature(signed, verifiers);
    if (verdict === 'good') return signed;
    problems.add(
      subject,
      verdict === 'bad' ? 'is not as it was signed' : 'is signed by a key that the review does not know',
    );
  }
  return undefined;
}

/** The newest anchor of the database that one of our keys signed. */
export function newestStored(
  db: ReviewReader,
  { publicKeys }: ReviewFacts,
  problems: Problems,
): Promise<SignedAnchor | undefined> {
  return newestBelieved(storedAnchors(db), publicKeys.map(createVerifier), problems);
}

interface AnchorCopy {
  readonly number: number;
  readonly document: string;
  readonly hash: Buffer;
  readonly signature: Buffer;
}

/** Copies read at a time: anchors of four days. */
const PAGE_SIZE = 100;

async function* storedAnchors(db: ReviewReader): AsyncIterable<Candidate> {
  let page: readonly AnchorCopy[];
  let below = Number.MAX_SAFE_INTEGER;
  do {
    page = await db.rows<AnchorCopy>(
      `SELECT number, document, hash, signature FROM audit_anchors WHERE number < ? ORDER BY number DESC LIMIT ${PAGE_SIZE}`,
      [below],
    );
    for (const copy of page) yield { subject: `anchor ${copy.number}`, signed: readCopy(copy) };
    below = page.at(-1)?.number ?? below;
  } while (page.length === PAGE_SIZE);
}

/** An anchor that was signed under another number is not this one. */
function readCopy(copy: AnchorCopy): SignedAnchor | undefined {
  try {
    const signed = anchorOfRow(copy);
    return signed.anchor.number === copy.number && signed.hash.equals(copy.hash) ? signed : undefined;
  } catch {
    return undefined;
  }
}

async function* filedAnchors({ dir, files }: AnchorFacts): AsyncIterable<Candidate> {
  for (const name of files.toReversed()) {
    yield { subject: name, signed: await readAnchorFile(`${dir}/${name}`).catch(() => undefined) };
  }
}

async function compare(
  db: ReviewReader,
  signed: SignedAnchor,
  anchors: AnchorFacts | undefined,
  problems: Problems,
): Promise<void> {
  const leaves = await leavesOf(signed, anchors, problems);
  await compareStored(db, { anchor: signed.anchor, leaves }, problems);
}

/** Where the logs of all users stood; undefined where the review does not know of the directory that says so. */
async function leavesOf(
  { anchor }: SignedAnchor,
  anchors: AnchorFacts | undefined,
  problems: Problems,
): Promise<ProvedLeaves | undefined> {
  if (anchors === undefined) return undefined;
  try {
    return await proveLeaves(anchors.dir, anchor);
  } catch (error) {
    if (!(error instanceof LeavesUnproved)) throw error;
    problems.add(`anchor ${anchor.number}`, error.message);
    return undefined;
  }
}

/** They are made hourly. */
export const ANCHOR_LATE_MS = 2 * 3_600_000;

/** Whether the service has been at work for so long that there must be an anchor. */
export async function oweAnchors(db: ReviewReader, now: Date): Promise<boolean> {
  const [first] = await db.rows<{ create_time: Date }>('SELECT create_time FROM audit_logs ORDER BY id LIMIT 1');
  return first !== undefined && now.getTime() - first.create_time.getTime() >= ANCHOR_LATE_MS;
}
