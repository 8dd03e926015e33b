import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { logOpenedAlerts, raiseAlert } from '../../alert';
import type { Clock } from '../../platform/clock';
import { createVerifier, type Signer } from '../../platform/crypto/signing';
import type { Database } from '../../platform/db/database';
import { withSnapshot, type Snapshot } from '../../platform/db/snapshot';
import { isDatabaseUnavailable, isDuplicateKey } from '../../platform/db/sql-errors';
import { withTx } from '../../platform/db/tx';
import { platformErrors } from '../../platform/errors';
import type { Logger } from '../../platform/log';
import { businessDay, fromEpochMs } from '../../platform/time';
import { checkSignature, signAnchor, type AnchorDocument, type SignedAnchor } from './anchor-document';
import { listAnchorFiles, readAnchorFile } from './anchor-files';
import { AnchorRow } from './anchor.model';
import { anchorOfRow, readAnchor, readLastAnchor } from './anchor.queries';
import type { AnchorWebhook } from './anchor-webhook';
import { exportAnchors } from './export-anchors';
import { LeavesUnproved, LeavesWriter, proveLeaves } from './leaves-file';
import { Problems } from './problems';
import { scanHeads, type Before } from './scan-heads';

/** What anchors are made with. */
export interface AnchorParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Logger;
  /** Who signs now; taken once for each anchor. */
  readonly signer: () => Signer;
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
    const last = await readLastAnchor(parts.db);
    // An hour that somebody has run again is over: what it would say, the anchors after it say.
    if (last === undefined || last.slot < slot) await makeAnchor({ ...parts, dir }, slot, last, signal);
    await exportAnchors({ ...parts, dir }, signal);
    return 0;
  };
}

type PartsWithDir = AnchorParts & { readonly dir: string };

async function makeAnchor(
  parts: PartsWithDir,
  slot: string,
  last: AnchorRow | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { dir, clock, databaseUrl } = parts;
  const signer = parts.signer();
  const problems = new Problems();
  const previous = last === undefined ? undefined : trustedRow(last, signer, problems);
  await compareWithFiles(parts, signer, problems);
  const now = clock.now();
  const place = { number: (last?.number ?? 0) + 1, time: now.toISOString() };
  const before = await leavesBefore(parts, previous);
  const isNewDay = previous === undefined || businessDay(timeOf(previous.anchor)) !== businessDay(now);
  const kind = before === undefined || isNewDay ? 'full' : 'delta';
  const writer = await LeavesWriter.open(dir, place);
  try {
    const scan = await scanSnapshot(databaseUrl, signal, (snapshot) =>
      scanHeads(snapshot, { kind, writer }, before, problems),
    );
    const leaves = { kind, ...(await writer.end()) } as const;
    const signed = signAnchor(signer, {
      ...{ format: 'billing-guard anchor', version: 1, ...place, slot },
      previous: last === undefined ? null : { number: last.number, sha256: last.hash.toString('hex') },
      ...{ ...scan, leaves, key_id: signer.keyId },
    });
    if (!(await store(parts, signed, last, problems, now))) await writer.discard();
  } catch (error) {
    await writer.discard();
    throw error;
  }
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

/** The anchor before, as the database has it. One that we did not sign is told of, and compared with nothing. */
function trustedRow(last: AnchorRow, signer: Signer, problems: Problems): SignedAnchor | undefined {
  const subject = `anchor ${last.number}`;
  try {
    const signed = anchorOfRow(last);
    // One of another key was signed before the key was changed; its file says the same, or compareWithFiles tells of it.
    const isForged = checkSignature(signed, [createVerifier(signer.publicKeyPem)]) === 'bad';
    if (!isForged && signed.hash.equals(last.hash)) return signed;
    problems.add(subject, 'is not as it was signed in the database');
  } catch {
    problems.add(subject, 'can not be read in the database');
  }
  return undefined;
}

/** The newest anchor among the files must be one of the database: else the database has lost it, or has another one. */
async function compareWithFiles({ db, dir }: PartsWithDir, signer: Signer, problems: Problems): Promise<void> {
  const name = (await listAnchorFiles(dir)).at(-1);
  if (name === undefined) return;
  const newest = await readAnchorFile(join(dir, name)).catch(() => undefined);
  if (newest === undefined || checkSignature(newest, [createVerifier(signer.publicKeyPem)]) === 'bad') {
    problems.add(name, 'is not as it was signed');
    return;
  }
  const row = await readAnchor(db, newest.anchor.number);
  if (row?.hash.equals(newest.hash) === true) return;
  problems.add(
    `anchor ${newest.anchor.number}`,
    row === undefined ? 'is not in the database' : 'differs from its file',
  );
}

/** The leaves to compare with. Where they are lost there is nothing to compare, and all of them are written again. */
async function leavesBefore(
  { dir, log }: PartsWithDir,
  previous: SignedAnchor | undefined,
): Promise<Before | undefined> {
  if (previous === undefined) return undefined;
  const { anchor } = previous;
  try {
    return { anchor, leaves: await proveLeaves(dir, anchor) };
  } catch (error) {
    if (!(error instanceof LeavesUnproved)) throw error;
    log.warn(
      { err: error, anchor: anchor.number },
      'the leaves of the last anchor are not there; all are written again',
    );
    return undefined;
  }
}

/** Keeps the anchor and tells people what contradicts the one before. False when another process was first. */
async function store(
  { db, log }: PartsWithDir,
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
