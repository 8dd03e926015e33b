import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import type { Connection, RowDataPacket } from 'mysql2/promise';

/** Steps of the loop that says how fast a core is at this moment. */
const PROBE_STEPS = 200_000_000;

/** Milliseconds of CPU that a fixed piece of arithmetic takes: comparable between runs, and larger on a busy host. */
function probeMs(): number {
  const before = process.cpuUsage();
  let state = 1;
  for (let step = 0; step < PROBE_STEPS; step += 1) state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
  const { user, system } = process.cpuUsage(before);
  return Math.round((user + system) / 1_000) + (state === 0 ? 1 : 0);
}

/** What the figures were measured on. */
export async function describeMachine(root: Connection): Promise<Record<string, string | number>> {
  const [rows] = await root.query<RowDataPacket[]>('SELECT VERSION() AS version');
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryMib: Math.round(totalmem() / 1_048_576),
    kernel: release(),
    node: process.version,
    mariadb: String(rows[0]?.['version'] ?? ''),
    probeMs: probeMs(),
  };
}

/** The commit that was measured, with `-dirty` when files differ from it. */
export function describeCommit(directory: string): string {
  const git = (...words: readonly string[]): string =>
    execFileSync('git', words, { cwd: directory, encoding: 'utf8' }).trim();
  try {
    return `${git('rev-parse', '--short=12', 'HEAD')}${git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '-dirty'}`;
  } catch {
    return 'unknown';
  }
}
