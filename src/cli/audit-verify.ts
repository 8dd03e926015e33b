import { dirname } from 'node:path';
import type { Command } from 'commander';
import {
  checkLinks,
  checkSignature,
  proveLeaves,
  readAnchorFile,
  verifyAnchor,
  verifyAuditChain,
  type SignedAnchor,
} from '../audit';
import type { Anchor } from '../gen/billing/v1/audit_anchor.pb';
import { AuditServiceClient } from '../gen/billing/v1/audit_service.pb';
import { monotonicMs, systemClock } from '../platform/clock';
import { withSnapshot } from '../platform/db/snapshot';
import { verifyLedger } from '../quota';
import { callUnary, findDatabaseUrl } from './connection';
import type { Cell, Output } from './output';
import { readVerifiers } from './public-keys';
import { addPaging, tellNextPage, type CommandParts, type PagingOptions } from './quota';

/** The commands that prove the logs, and show the anchors that they are proved by. */

/** Adds `audit verify` and `audit anchors`. */
export function addAuditVerifyCommands(audit: Command, parts: CommandParts): void {
  addVerify(audit, parts);
  addAnchors(audit, parts);
}

interface VerifyOptions {
  readonly anchor?: string;
  readonly publicKey?: string;
}

function addVerify(audit: Command, { output }: CommandParts): void {
  audit
    .command('verify')
    .description('recompute all chains from their rows alone (DATABASE_URL; default: the local stack)')
    .option('--anchor <file>', 'prove or disprove the database against this anchor, whose leaves lie beside it')
    .option(
      '--public-key <file>',
      'keys that anchors are believed by, in PEM; also AUDIT_PUBLIC_KEY. Default: the local stack',
    )
    .action(async ({ anchor, publicKey }: VerifyOptions) => {
      const isGood = anchor === undefined ? await verifyAlone(output()) : await verifyBy(anchor, publicKey, output());
      if (!isGood) process.exitCode = 1;
    });
}

/** Shows progress at most this often. */
const PROGRESS_INTERVAL_MS = 2_000;

function progressTeller(): (users: number, rows: number) => void {
  let shownMs = monotonicMs();
  return (users, rows) => {
    if (monotonicMs() - shownMs < PROGRESS_INTERVAL_MS) return;
    shownMs = monotonicMs();
    process.stderr.write(`checked ${users} users, ${rows} rows …\n`);
  };
}

const secondsSince = (startMs: number): number => Math.round((monotonicMs() - startMs) / 100) / 10;

/** What the database says of itself: that nobody rewrote all of it, only an anchor can prove. */
async function verifyAlone(output: Output): Promise<boolean> {
  const startMs = monotonicMs();
  const { ledger, audits } = await withSnapshot(findDatabaseUrl(), {}, async ({ knex }) => ({
    ledger: await verifyLedger(knex, undefined, progressTeller()),
    audits: await verifyAuditChain(knex),
  }));
  const { fault } = ledger;
  const isGood = fault === undefined && audits.faults.length === 0;
  const problems: (readonly Cell[])[] = [
    ...(fault === undefined ? [] : [[fault.userId, `${rowText(fault.sequence)}${fault.problem}`]]),
    ...audits.faults.map(({ position, problem }) => ['audit log', `place ${position ?? '?'}: ${problem}`]),
  ];
  output.recordWithRows(
    {
      verdict: isGood ? 'ok' : 'FAULT',
      users: ledger.users,
      log_rows: ledger.rows,
      audit_rows_sealed: audits.sealed,
      audit_rows_unsealed: audits.unsealed,
      seconds: secondsSince(startMs),
    },
    'problems',
    ['subject', 'problem'],
    problems,
  );
  return isGood;
}

function rowText(sequence: number | null): string {
  return sequence === null ? '' : `row ${sequence} `;
}

async function verifyBy(path: string, publicKey: string | undefined, output: Output): Promise<boolean> {
  const startMs = monotonicMs();
  const verifiers = readVerifiers(publicKey);
  const signed = await readAnchorFile(path);
  const verdict = checkSignature(signed, verifiers);
  if (verdict !== 'good') {
    const why =
      verdict === 'bad' ? 'its signature is bad' : `it was signed by key ${signed.anchor.key_id}, which was not given`;
    throw new Error(`The anchor proves nothing: ${why}.`);
  }
  const dir = dirname(path);
  const links = await checkLinks(dir, signed, verifiers);
  const leaves = await proveLeaves(dir, signed.anchor);
  const report = await verifyAnchor({
    databaseUrl: findDatabaseUrl(),
    ...{ signed, leaves, onProgress: progressTeller() },
  });
  const problems = [...report.problems, ...links.problems];
  const isGood = report.problemCount === 0 && links.problems.length === 0;
  const { users, rows, audits } = report;
  output.recordWithRows(
    {
      verdict: isGood ? 'proved' : 'DISPROVED',
      ...anchorFields(signed),
      ...{ users_anchored: users.anchored, users_proved: users.proved, users_newer: users.newer },
      ...{ log_rows_anchored: rows.anchored, log_rows_proved: rows.proved, log_rows_newer: rows.newer },
      ...{ audit_rows_anchored: audits.anchored, audit_rows_proved: audits.proved, audit_rows_newer: audits.newer },
      table_rows_newer: report.newerTableRows,
      root: signed.anchor.users.root,
      root_of_database: report.root,
      anchors_before_checked: links.links,
      oldest_anchor: links.oldest,
      problems_found: report.problemCount + links.problems.length,
      seconds: secondsSince(startMs),
    },
    'problems',
    ['subject', 'problem'],
    problems.map(({ subject, problem }) => [subject, problem]),
  );
  return isGood;
}

function anchorFields({ anchor, hash }: SignedAnchor): Readonly<Record<string, Cell>> {
  return { anchor: anchor.number, anchor_time: anchor.time, anchor_hash: hash.toString('hex'), key_id: anchor.key_id };
}

function addAnchors(audit: Command, { output, withClient }: CommandParts): void {
  const anchors = audit.command('anchors').description("the service's own copies of anchors, newest first; as auditor");
  addPaging(anchors).action(async ({ pageSize, pageToken = '' }: PagingOptions) => {
    const page = await withClient(AuditServiceClient, (client) =>
      callUnary(client.listAnchors.bind(client), { pageSize, pageToken }, systemClock.now()),
    );
    output().rows(
      ['anchor', 'hour', 'time', 'users', 'log rows', 'audit position', 'hash', 'key id', 'handed out'],
      page.anchors.map(anchorRow),
    );
    tellNextPage(page.nextPageToken);
  });
}

/** In the order of the list's headings. */
function anchorRow(anchor: Anchor): readonly Cell[] {
  const { number, slot, time, users, logRows, auditPosition, hash, keyId, exportTime } = anchor;
  return [number, slot, time, users, logRows, auditPosition, hash, keyId, exportTime];
}
