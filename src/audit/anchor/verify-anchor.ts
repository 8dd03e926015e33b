import { withSnapshot, type Snapshot } from '../../platform/db/snapshot';
import { addMs, fromEpochMs } from '../../platform/time';
import { verifyAuditChain, type AuditChainReport } from '../verify-audit-chain';
import type { AnchorDocument, SignedAnchor } from './anchor-document';
import { compareAges } from './backdated';
import { recomputeChains, type RecomputedChain } from './chains';
import { countRows } from './counted-tables';
import { compareOwnCopy } from './compare-heads';
import { joinByUser } from './cursor';
import { leafOf, type Head } from './head';
import { readAuditHashAt, readHeads, type StoredHead } from './heads.queries';
import type { ProvedLeaves } from './leaves-file';
import { MerkleTree } from './merkle';
import { Problems, type Problem } from './problems';

/**
 * Proves or disproves a database against an anchor, from the rows of the database alone: what its users' own rows, its heads
 * or its copies of anchors say is compared, never believed.
 */

/**
 * What was committed before the anchor is in it, and a transaction is over within seconds: a row that the anchor does not
 * have, and that says it is older than this before it, was written by somebody else.
 */
const COMMIT_SLACK_MS = 300_000;

/** What became of something that an anchor counts. */
interface Tally {
  /** What the anchor has. */
  anchored: number;
  /** How much of that is in the database as it was. */
  proved: number;
  /** What came after the anchor, which it can not prove. */
  newer: number;
}

/** What a comparison came to. Proved: no problem. */
export interface AnchorReport {
  readonly users: Readonly<Tally>;
  /** Rows of quota logs. */
  readonly rows: Readonly<Tally>;
  /** Rows of the audit log; `newer`: sealed after the anchor, or not sealed yet. */
  readonly audits: Readonly<Tally>;
  /** Rows of all counted tables that came after the anchor, which counts them and does not look into them. */
  readonly newerTableRows: number;
  /** The root that the database leads to. */
  readonly root: string;
  readonly problems: readonly Problem[];
  readonly problemCount: number;
}

/** How far it is, now and then. */
export type Progress = (users: number, rows: number) => void;

/** What is compared with an anchor: its leaves, proved, and a database. */
export interface Comparison {
  readonly databaseUrl: string;
  readonly signed: SignedAnchor;
  readonly leaves: ProvedLeaves;
  readonly onProgress: Progress;
}

/**
 * Compares a database, in one snapshot of its own, with an anchor whose signature was checked. Any account that may read what
 * the report account may read will do.
 */
export function verifyAnchor({ databaseUrl, signed, leaves, onProgress }: Comparison): Promise<AnchorReport> {
  return withSnapshot(databaseUrl, {}, async (snapshot) => {
    const problems = new Problems();
    const logs = await compareLogs(snapshot, signed.anchor, leaves, problems, onProgress);
    const audits = await compareAuditLog(snapshot, signed.anchor, problems);
    const newerTableRows = await compareCounts(snapshot, signed.anchor, problems);
    await compareOwnCopy(snapshot, signed, problems);
    return { ...logs, audits, newerTableRows, problems: problems.first, problemCount: problems.count };
  });
}

async function compareLogs(
  snapshot: Snapshot,
  anchor: AnchorDocument,
  leaves: ProvedLeaves,
  problems: Problems,
  onProgress: Progress,
): Promise<Pick<AnchorReport, 'users' | 'rows' | 'root'>> {
  const bornAfter = addMs(fromEpochMs(Date.parse(anchor.time)), -COMMIT_SLACK_MS);
  const users = { anchored: anchor.users.count, proved: 0, newer: 0 };
  const rows = { anchored: anchor.users.rows, proved: 0, newer: 0 };
  const tree = new MerkleTree();
  let seen = 0;
  const all = joinByUser<[Head, StoredHead, RecomputedChain]>(
    leaves.read(),
    readHeads(snapshot),
    recomputeChains(snapshot, leaves.read(), bornAfter),
  );
  for await (const { userId, found } of all) {
    const [leaf, account, chain] = found;
    const problem =
      leaf === undefined
        ? newcomerProblem(account, chain, bornAfter)
        : (anchoredProblem(leaf, account, chain) ?? newRowsProblem(account, chain));
    if (problem !== undefined) problems.add(userId, problem);
    if (leaf !== undefined) {
      const hash = leaf.sequence === 0 && account !== undefined ? leaf.hash : chain?.anchoredHash;
      if (hash !== undefined) tree.add(leafOf({ ...leaf, hash }));
      if (hash?.equals(leaf.hash) === true && account !== undefined) {
        users.proved += 1;
        rows.proved += leaf.sequence;
      }
    } else users.newer += 1;
    rows.newer += Math.max(0, (chain?.rows ?? 0) - (leaf?.sequence ?? 0));
    seen += 1;
    onProgress(seen, rows.proved + rows.newer);
  }
  return { users, rows, root: tree.root().toString('hex') };
}

/** What is wrong with a user whom the anchor knows, up to the anchored row. */
function anchoredProblem(
  leaf: Head,
  account: StoredHead | undefined,
  chain: RecomputedChain | undefined,
): string | undefined {
  if (account === undefined && chain === undefined) return `is gone, with ${leaf.sequence} rows of the log`;
  if (account === undefined) return 'is gone, though rows of the log are there';
  if (leaf.sequence === 0) return undefined;
  if (chain === undefined) return `has no log; the anchor has ${leaf.sequence} rows`;
  if (chain.anchoredHash !== undefined) {
    return chain.anchoredHash.equals(leaf.hash)
      ? undefined
      : `was rewritten: rows 1 to ${leaf.sequence} are not those of the anchor, though their chain is whole`;
  }
  if (chain.fault !== undefined) return `row ${chain.fault.sequence} ${chain.fault.problem}`;
  return `was shortened: ${chain.end.sequence} of the ${leaf.sequence} rows of the anchor are there`;
}

/** What is wrong behind the anchored row, where nothing is proved but the chain must hold. */
function newRowsProblem(account: StoredHead | undefined, chain: RecomputedChain | undefined): string | undefined {
  if (chain?.fault !== undefined) return `row ${chain.fault.sequence}, newer than the anchor, ${chain.fault.problem}`;
  if (chain?.backdated !== undefined)
    return `row ${chain.backdated} says that it is older than the anchor, which lacks it`;
  const [sequence, hash] = [chain?.end.sequence ?? 0, chain?.end.hash ?? Buffer.alloc(32)];
  if (account === undefined || (account.sequence === sequence && account.hash.equals(hash))) return undefined;
  return 'names another end of the log than the log has';
}

/** What is wrong with a user whom the anchor does not know: nothing, if the user is newer. */
function newcomerProblem(
  account: StoredHead | undefined,
  chain: RecomputedChain | undefined,
  bornAfter: Date,
): string | undefined {
  if (account === undefined) return 'has a log but is no user';
  if (account.createTime < bornAfter) return 'says to be older than the anchor, which does not know this user';
  return newRowsProblem(account, chain);
}

async function compareAuditLog(snapshot: Snapshot, anchor: AnchorDocument, problems: Problems): Promise<Tally> {
  const { audit } = anchor;
  const report = await verifyAuditChain(snapshot.knex);
  for (const { position, auditId, problem } of report.faults) {
    problems.add(`audit log`, `${placeText(position, auditId)}${problem}`);
  }
  const there = await readAuditHashAt(snapshot, audit.position);
  const proved = provedPlaces(report, audit, there);
  if (there === undefined) {
    problems.add(
      'audit log',
      `was shortened: the anchor has ${audit.position} places, place ${audit.position} is gone`,
    );
  } else if (there.toString('hex') !== audit.hash) {
    problems.add('audit log', `was rewritten: place ${audit.position} is not that of the anchor`);
  } else await compareAges(snapshot, anchor, problems);
  return { anchored: audit.position, proved, newer: Math.max(0, report.sealed - audit.position) + report.unsealed };
}

function placeText(position: number | undefined, auditId: number | undefined): string {
  const words = [
    ...(position === undefined ? [] : [`place ${position} `]),
    ...(auditId === undefined ? [] : [`(row ${auditId}) `]),
  ];
  return words.join('');
}

/** All places up to the anchored one, if it is there as it was and none before it is broken; else those before the first broken. */
function provedPlaces(report: AuditChainReport, audit: AnchorDocument['audit'], there: Buffer | undefined): number {
  if (there?.toString('hex') !== audit.hash) return 0;
  const isBroken = report.faults.some(({ position }) => position !== undefined && position <= audit.position);
  return isBroken ? 0 : audit.position;
}

/** Returns how many rows are newer. */
async function compareCounts(snapshot: Snapshot, { tables }: AnchorDocument, problems: Problems): Promise<number> {
  let newer = 0;
  for (const [table, count] of await countRows(snapshot, Object.keys(tables))) {
    const anchored = tables[table] ?? 0;
    if (count === undefined)
      problems.add(table, `is not there, or may not be read; the anchor counts ${anchored} rows`);
    else if (count < anchored) problems.add(table, `lost rows: the anchor counts ${anchored}, ${count} are there`);
    else newer += count - anchored;
  }
  return newer;
}
