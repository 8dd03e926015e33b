import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toChart } from './report/chart';
import { describeCommit, describeMachine } from './report/machine';
import { toRatios, toRow, voidReason, type Results, type ResultRow } from './report/results';
import { toTable } from './report/table';
import { hasBatch, makeRun, type Measured, type Stage } from './runner/bench';
import { DIST, killAll, stopAll } from './runner/child';
import { connectAsRoot, readInfra, type BenchInfra } from './runner/infra';
import { readOptions, UsageError, type BenchOptions } from './runner/options';
import { CAPACITY_CALLERS, EVENTS_PER_SECOND, nameOf, planOf, type Run } from './runner/plan';
import { prepareDatabases, setStage } from './runner/stage';

/** `npm run bench`: all variants under all loads, in turns; then one table. README.md says what it means. */

const ROOT = join(DIST, '..');
/** Of the million users the pages come from the disk: such a run takes longer to settle. */
const LARGE_WARMUP_MS = 6_000;
/** Offered in an open loop to a variant whose capacity this run does not measure. */
const OFFERED_DEFAULT = 2_000;

function sayTo(stream: NodeJS.WriteStream): (line: string) => void {
  return (line) => void stream.write(`${line}\n`);
}

/** The arrivals of an open loop: a share of what the same variant did in the closed loop of this run. */
function arrivalsOf(run: Run, rows: readonly ResultRow[]): number {
  if (run.load === 'closed') return 0;
  if (run.scenario === 'events') return EVENTS_PER_SECOND;
  const capacity = rows.find(
    (row) =>
      row.load === 'closed' &&
      row.scenario === run.scenario &&
      row.variant === run.variant &&
      row.callers === CAPACITY_CALLERS,
  );
  return Math.max(1, Math.round((capacity?.perSecond ?? OFFERED_DEFAULT) * run.offeredShare));
}

function toHundredths(value: number): number {
  return Math.round(value * 100) / 100;
}

function progressLine(run: Run, round: number, measured: Measured): string {
  const { perSecond, load, cpu, fault } = measured;
  const failures = Object.entries(load.failures).map(([name, count]) => ` ${name}: ${count}`);
  const what = `${Math.round(perSecond)}/s p50 ${toHundredths(load.p50Ms)} ms p99 ${toHundredths(load.p99Ms)} ms`;
  const used = `cpu ${cpu.server}+${cpu.mariadb}+${cpu.redis}+${cpu.load} %`;
  return `${nameOf(run)} #${round}: ${what} ${used}${failures.join('')}${fault === undefined ? '' : ` WRONG: ${fault}`}`;
}

/** Runs a group in turns, round after round. */
async function runGroup(
  stage: Stage,
  group: readonly Run[],
  rows: readonly ResultRow[],
  options: BenchOptions,
  say: (line: string) => void,
): Promise<readonly ResultRow[]> {
  const measured = new Map<Run, Measured[]>(group.map((run) => [run, []]));
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const run of group) {
      const warmupMs = run.scenario === 'large' ? LARGE_WARMUP_MS : options.warmupMs;
      const outcome = await makeRun(stage, run, arrivalsOf(run, rows), { ...options, warmupMs });
      measured.get(run)?.push(outcome);
      say(progressLine(run, round, outcome));
    }
  }
  return group.map((run) => toRow(run, measured.get(run) ?? []));
}

/** Results of a whole run are what the repository shows, a void one marked as such; a part stays beside the logs. */
function writeResults(infra: BenchInfra, options: BenchOptions, results: Results): string {
  const isWhole = !options.isQuick && options.only.length === 0;
  const directory = isWhole ? join(ROOT, 'bench', 'results') : join(infra.directory, 'results');
  mkdirSync(directory, { recursive: true });
  const file = join(directory, 'latest.json');
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(join(directory, 'latest.svg'), toChart(results));
  return file;
}

async function bench(infra: BenchInfra, options: BenchOptions): Promise<number> {
  const say = sayTo(options.isJson ? process.stderr : process.stdout);
  const root = await connectAsRoot(infra);
  try {
    const groups = planOf(options, hasBatch());
    if (!hasBatch()) say('the service has no BatchConsumeQuota: the variant batch is left out');
    const machine = await describeMachine(root);
    const runs = groups.flat();
    await prepareDatabases(infra, root, runs, options, say);
    const stage = await setStage(infra, root, runs, options, say);
    const rows: ResultRow[] = [];
    for (const group of groups) rows.push(...(await runGroup(stage, group, rows, options, say)));
    const results = { machine, commit: describeCommit(ROOT), void: voidReason(rows), rows, ratios: toRatios(rows) };
    const file = writeResults(infra, options, results);
    if (options.isJson) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
    say(`\n${toTable(results)}\nwritten to ${file}`);
    if (results.void !== null) say(`VOID: ${results.void}`);
    return results.void === null && rows.every(({ correct }) => correct) ? 0 : 1;
  } finally {
    await root.end();
  }
}

async function main(infraFile: string, words: readonly string[]): Promise<number> {
  try {
    return await bench(readInfra(infraFile), readOptions(words));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  } finally {
    await stopAll();
  }
}

for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.once(name, () => {
    killAll();
    process.exit(1);
  });
}
main(process.argv[2] ?? '', process.argv.slice(3)).then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  },
);
