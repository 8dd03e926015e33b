import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { logOpenedAlerts, raiseAlert } from '../../alert';
import type { Clock } from '../../platform/clock';
import { createVerifier, type Signer, type Verifier } from '../../platform/crypto/signing';
import type { Database } from '../../platform/db/database';
import { withSnapshot, type Snapshot } from '../../platform/db/snapshot';
import { isDatabaseUnavailable, isDuplicateKey } from '../../platform/db/sql-errors';
import { readOnly, withTx } from '../../platform/db/tx';
import { platformErrors } from '../../platform/errors';
import type { Logger } from '../../platform/log';
import { businessDay, fromEpochMs } from '../../platform/time';
import { checkSignature, nameOf, signAnchor, type AnchorDocument, type SignedAnchor } from './anchor-document';
import { listAnchorFiles, readAnchorFile } from './anchor-files';
import { AnchorRow } from './anchor.model';
import { readAnchor, readLastAnchor } from './anchor.queries';
import type { AnchorWebhook } from './anchor-webhook';
import { exportAnchors, writeAnchorFiles } from './export-anchors';
import { LeavesUnproved, LeavesWriter, proveLeaves } from './leaves-file';
import { Problems } from './problems';
import { scanHeads, type Before } from './scan-heads';
import { readNewestTrusted } from './trusted-anchor';

/** What anchors are made with. */
export interface AnchorParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Logger;
  /** Who signs now; taken once for each anchor. */
  readonly signer: () => Signer;
  /** Whose signatures are believed now, in PEM: of who signs, and of the keys that signed before. */
  readonly publicKeys: () => readonly string[];
  /** For the snapshot, which is read on a connection of its own. */
  readonly databaseUrl: string;
  /** Where the files go; a place where whoever runs the database can not rewrite them. Without one no anchor is made. */
  readonly dir: string | undefined;
  readonly webhook: AnchorWebhook | undefined;
}

/**
 * The job of one hour: makes its anchor, if it has none, and hands out what was not handed out. Run again, it goes on where it
 * stood; run twice at once, one anchor is made.
 */
export function makeAnchors(parts: AnchorParts): (signal: AbortSignal, slot: string) => Promise<number> {
  return async (signal, slot) => {
    const { dir } = parts;
    if (dir === undefined) return 0;
    await mkdir(dir, { recursive: true, mode: 0o750 });
    const own = { ...parts, dir, verifiers: parts.publicKeys().map(createVerifier) };
    // The leaves of the next one may be told by these.
    await writeAnchorFiles(own);
    // An hour that somebody has run again is over: what it would say, the anchors after it say.
    if (!(await isOver(own, slot)) && !(await makeAnchor(own, slot, signal))) {
      // Somebody else was first. If that was none of ours, the hour still has none.
      if (!(await isOver(own, slot))) throw platformErrors.CONTENTION();
    }
    await exportAnchors(own, signal);
    return 0;
  };
}

type OwnParts = AnchorParts & { readonly dir: string; readonly verifiers: readonly Verifier[] };

/** Whether an hour, or one after it, has an anchor that is believed. */
async function isOver({ db, clock, verifiers }: OwnParts, slot: string): Promise<boolean> {
  const trust = { verifiers, now: clock.now() };
  const newest = await readOnly(db, (reader) => readNewestTrusted(reader, trust, new Problems()));
  return newest !== undefined && newest.anchor.slot >= slot;
}

/** False when another process was first. */
async function makeAnchor(parts: OwnParts, slot: string, signal: AbortSignal): Promise<boolean> {
  const { db, dir, clock, databaseUrl, verifiers } = parts;
  const signer = parts.signer();
  const problems = new Problems();
  const now = clock.now();
  const last = await readLastAnchor(db);
  const trusted = await readOnly(db, (reader) => readNewestTrusted(reader, { verifiers, now }, problems));
  await compareWithFiles(parts, problems);
  const place = { number: (last?.number ?? 0) + 1, time: now.toISOString() };
  const before = trusted === undefined ? undefined : await withLeaves(dir, trusted, problems);
  // A delta is of the very anchor that is named as the one before.
  const isNext = before?.leaves !== undefined && trusted?.anchor.number === last?.number;
  const isNewDay = before === undefined || businessDay(timeOf(before.anchor)) !== businessDay(now);
  const kind = isNext && !isNewDay ? 'delta' : 'full';
  const writer = await LeavesWriter.open(dir, place);
  try {
    const scan = await scanSnapshot(databaseUrl, signal, (snapshot) =>
      scanHeads(snapshot, { kind, writer }, before, problems),
    );
    const leaves = { kind, ...(await writer.end()) } as const;
    const signed = signAnchor(signer, {
      ...{ format: 'billing-guard anchor', ...place, slot, ...linksOf(last, trusted) },
      ...{ ...scan, leaves, key_id: signer.keyId },
    });
    const isStored = await store(parts, signed, last, problems, now);
    if (!isStored) await writer.discard();
    return isStored;
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

/**
 * What an anchor names. The row before has to be named, whoever wrote it: the database demands it. Where nobody believes that row, the
 * chain of those that are believed goes on beside it; else one forged row would cut it.
 */
function linksOf(
  last: AnchorRow | undefined,
  trusted: SignedAnchor | undefined,
): Pick<AnchorDocument, 'version' | 'previous' | 'believed'> {
  if (last === undefined) return { version: 1, previous: null };
  const previous = { number: last.number, sha256: last.hash.toString('hex') };
  if (trusted?.anchor.number === last.number) return { version: 1, previous };
  return { version: 2, previous, believed: trusted === undefined ? null : nameOf(trusted) };
}

/** A database that is away is waited for: it makes no dead letter. */
async function scanSnapshot<Result>(
  databaseUrl: string,
  signal: AbortSignal,
  scan: (snapshot: Snapshot) => Promise<Result>,
): Promise<Result> {
  try {
    return await withSnapshot(databaseUrl, { signal }, scan);
  } catch (error) {
    throw isDatabaseUnavailable(error) ? platformErrors.DATABASE_UNAVAILABLE({ cause: error }) : error;
  }
}

const timeOf = ({ time }: AnchorDocument): Date => fromEpochMs(Date.parse(time));

/** The newest anchor among the files must be one of the database: else the database has lost it, or has another one. */
async function compareWithFiles({ db, dir, verifiers }: OwnParts, problems: Problems): Promise<void> {
  for (const name of (await listAnchorFiles(dir)).toReversed()) {
    const newest = await readAnchorFile(join(dir, name)).catch(() => undefined);
    if (newest === undefined || checkSignature(newest, verifiers) !== 'good') {
      problems.add(name, 'is not as it was signed, or by a key that is not known');
      continue;
    }
    const row = await readAnchor(db, newest.anchor.number);
    if (row?.hash.equals(newest.hash) === true) return;
    const problem = row === undefined ? 'is not in the database' : 'differs from its file';
    return problems.add(`anchor ${newest.anchor.number}`, problem);
  }
}

/** An anchor with its leaves. Where they are lost, or somebody altered them, people are told: its users are compared with nothing. */
async function withLeaves(dir: string, { anchor }: SignedAnchor, problems: Problems): Promise<Before> {
  try {
    return { anchor, leaves: await proveLeaves(dir, anchor) };
  } catch (error) {
    if (!(error instanceof LeavesUnproved)) throw error;
    problems.add(`anchor ${anchor.number}`, error.message);
    return { anchor, leaves: undefined };
  }
}

/** Keeps the anchor and tells people what contradicts the one before. False when another process was first. */
async function store(
  { db, log }: OwnParts,
  { anchor, document, hash, signature }: SignedAnchor,
  last: AnchorRow | undefined,
  problems: Problems,
  now: Date,
): Promise<boolean> {
  const row = {
    ...{ number: anchor.number, slot: anchor.slot, hash, document, signature, createTime: now, exportTime: null },
    previousHash: last?.hash ?? null,
    root: Buffer.from(anchor.users.root, 'hex'),
  };
  const [first] = problems.first;
  try {
    const opened = await withTx(db, { name: 'MakeAnchor' }, async (tx) => {
      await AnchorRow.query(tx).insert(row);
      if (first === undefined) return [];
      const details = { problems: problems.count, first_subject: first.subject, first_problem: first.problem };
      const about = { kind: 'anchor_conflict', subjectType: 'anchor', subjectId: String(anchor.number) } as const;
      return raiseAlert(tx, { ...about, severity: 'critical', userId: null, details }, now);
    });
    logOpenedAlerts(log, opened);
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}
