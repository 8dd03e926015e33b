import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { describeCommit, describeMachine } from '../report/machine';
import { DIST, killAll, stopAll, stopChild } from '../runner/child';
import { createDatabase } from '../runner/databases';
import { connectAsRoot, databaseUrl, readInfra, type BenchInfra } from '../runner/infra';
import { startService, startWechatpay } from '../runner/servers';
import { makeAnchor } from './anchor';
import { cipherOf } from './bodies';
import { measureReview, type Measured } from './measure';
import { multiply } from './multiply';
import { playStories, STORIES, type StoryName } from './stories';
import { readTemplates } from './template';

/**
 * `npm run bench:review -- --orders N --logs N`: how long the financial review takes, and how much memory, on a database of that size.
 * The service plays three users' stories; their rows are written again for everybody, with chains of their own; then
 * `billing audit review` reviews all of it, with an anchor of it and the leaves of all users.
 */

const ROOT = join(DIST, '..');
const TEMPLATE = 'bench_review_template';
const LARGE = 'bench_review';
/** Must show: 1 000 000 orders and 10 000 000 rows of log within these, on two cores. */
const LIMITS = { seconds: 900, peakMib: 500 };
/** What a fresh database on no deployment can not have. */
const EXPECTED = new Set(['claims-untested', 'backup-late', 'restore-drill-late']);
/** Rows of log that a story has besides its consumes: the lots of registration and membership. */
const GRANTS: Readonly<Record<StoryName, number>> = { paid: 2, coupon: 2, cancelled: 1 };
/** Registration gives ten units, and a cancelled order gives none. */
const CONSUMES_MAX = 10;

interface Options {
  readonly orders: number;
  readonly logs: number;
}

const USAGE = 'npm run bench:review -- --orders N --logs N   (up to 11 rows of log for each order)';

function readOptions(words: readonly string[]): Options {
  const numberOf = (name: string): number => {
    const at = words.indexOf(name);
    const value = Number(words[at + 1]);
    if (at < 0 || !Number.isInteger(value) || value < 1) throw new Error(USAGE);
    return value;
  };
  return { orders: numberOf('--orders'), logs: numberOf('--logs') };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function fill(infra: BenchInfra, root: Connection, { orders, logs }: Options): Promise<void> {
  const each = Math.round(logs / orders);
  const consumesOf = (story: StoryName): number => Math.min(CONSUMES_MAX, Math.max(0, each - GRANTS[story]));
  await createDatabase(infra, root, TEMPLATE);
  const wechatpayUrl = await startWechatpay(infra);
  const service = await startService(infra, TEMPLATE, wechatpayUrl);
  say(`playing the stories of ${STORIES.join(', ')} …`);
  const place = { port: service.port, database: TEMPLATE, wechatpayUrl };
  const stories = await playStories(infra, root, place, consumesOf);
  await stopChild(service.child);
  const { templates, shared } = await readTemplates(root, TEMPLATE, stories);
  await createDatabase(infra, root, LARGE);
  const startMs = performance.now();
  await multiply(root, LARGE, { templates, shared, copies: orders, cipher: cipherOf(infra.dataKeys) }, say);
  say(`filled in ${Math.round((performance.now() - startMs) / 1_000)} s`);
}

async function countRows(root: Connection): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const table of [
    'users',
    'orders',
    'payments',
    'wechatpay_notifications',
    'quota_grants',
    'quota_logs',
    'audit_logs',
  ]) {
    const [[row]] = await root.query<RowDataPacket[]>(`SELECT COUNT(*) AS rows_ FROM ${LARGE}.${table}`);
    counts[table] = Number(row?.['rows_']);
  }
  return counts;
}

function report({ seconds, peakMib, signed }: Measured): void {
  const slow = [...signed.review.checks].sort((a, b) => b.milliseconds - a.milliseconds).slice(0, 12);
  say('\nthe longest checks (those of the log share one pass):');
  for (const { id, milliseconds } of slow) say(`  ${String(Math.round(milliseconds / 100) / 10).padStart(8)} s  ${id}`);
  say(`\nreview: ${Math.round(seconds * 10) / 10} s, peak memory ${peakMib} MiB`);
}

/** Whether the review was in time, small, and found nothing but what such a database lacks. */
function judge({ seconds, peakMib, signed }: Measured): readonly string[] {
  const found = signed.review.checks
    .filter(({ outcome, id }) => (outcome === 'found' || outcome === 'broken') && !EXPECTED.has(id))
    .map(({ id, findings, error, evidence }) => `${id}: ${findings} ${error} ${JSON.stringify(evidence[0] ?? {})}`);
  return [
    ...(seconds > LIMITS.seconds ? [`it took longer than ${LIMITS.seconds} s`] : []),
    ...(peakMib > LIMITS.peakMib ? [`it took more than ${LIMITS.peakMib} MiB`] : []),
    ...found,
  ];
}

async function run(infraFile: string, words: readonly string[]): Promise<number> {
  const options = readOptions(words);
  const infra = readInfra(infraFile);
  const root = await connectAsRoot(infra);
  try {
    await fill(infra, root, options);
    const counts = await countRows(root);
    say(JSON.stringify(counts));
    const directory = join(infra.directory, 'review');
    const anchorDir = join(directory, 'anchors');
    // Anchors of an earlier run are of another database.
    rmSync(anchorDir, { recursive: true, force: true });
    mkdirSync(anchorDir, { recursive: true });
    await makeAnchor(infra, LARGE, anchorDir);
    const url = databaseUrl(infra, 'report', LARGE);
    const keys = { signingKey: infra.auditSigningKey, dataKeys: infra.dataKeys };
    const originalsUrl = databaseUrl(infra, 'app', LARGE);
    const measured = await measureReview({ databaseUrl: url, originalsUrl, directory, anchorDir, ...keys });
    report(measured);
    const problems = judge(measured);
    const results = { machine: await describeMachine(root), commit: describeCommit(ROOT), counts, problems };
    const { seconds, peakMib } = measured;
    writeFileSync(join(directory, 'results.json'), `${JSON.stringify({ ...results, seconds, peakMib }, null, 2)}\n`);
    for (const problem of problems) say(`WRONG: ${problem}`);
    return problems.length === 0 ? 0 : 1;
  } finally {
    await root.end();
    await stopAll();
  }
}

for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.once(name, () => {
    killAll();
    process.exit(1);
  });
}
run(process.argv[2] ?? '', process.argv.slice(3)).then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  },
);
