import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { moduleWords, runModule } from '../../support/command';

/** A launcher that takes the lock of a directory, with some patience, and prints that it has it. */
function taker(directory: string, then: string, patience = '{ sayAfterMs: 0, giveUpAfterMs: 300 }'): string {
  return `
    import { withLock } from './scripts/lib/lock.mjs';
    import { runMain } from './scripts/lib/terminal.mjs';
    const work = async () => { process.stdout.write('got it\\n'); ${then} };
    await runMain(() => withLock('test', ${JSON.stringify(directory)}, work, ${patience}));
  `;
}

let directory = '';
let holder: ChildProcess;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'billing-lock-'));
  const forEver = 'setInterval(() => {}, 1_000); await new Promise(() => {});';
  holder = spawn(process.execPath, moduleWords(taker(directory, forEver)), { stdio: ['ignore', 'pipe', 'inherit'] });
  if (holder.stdout !== null) await once(holder.stdout, 'data');
});
afterEach(async () => {
  const ended = holder.exitCode ?? holder.signalCode ?? once(holder, 'exit');
  holder.kill('SIGKILL');
  await ended;
  rmSync(directory, { recursive: true });
});

describe('a launcher that finds another at work', () => {
  test('says for whom it waits, gives up in the end and names who to end; its own work has not begun', () => {
    const { code, stdout, stderr } = runModule(taker(directory, ''));
    expect(code).toBe(1);
    expect(stdout).toMatch(/^Waiting for (another process|process \d+), which is busy with the same test …\n$/);
    expect(stderr).toMatch(new RegExp(`^Gave up after .*: process ${holder.pid} is still busy with the test of `));
    expect(stderr).toContain(directory);
  });

  test('also gives up on one that does not even answer', () => {
    holder.kill('SIGSTOP');
    const { code, stdout, stderr } = runModule(taker(directory, ''));
    expect(code).toBe(1);
    expect(stdout).not.toContain('got it');
    expect(stderr).toMatch(/^Gave up after .*: another process is still busy with the test of /);
  });

  test('goes on the moment the other ends, by kill -9 too, and ends by itself', async () => {
    const patience = '{ sayAfterMs: 0, giveUpAfterMs: 600_000 }';
    const words = moduleWords(taker(directory, '', patience));
    const waiter = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    const written: string[] = [];
    waiter.stdout.on('data', (chunk: Buffer) => written.push(chunk.toString()));
    await once(waiter.stdout, 'data');
    expect(written.join('')).toContain('Waiting for');
    holder.kill('SIGKILL');
    const [code] = (await once(waiter, 'close')) as [number | null];
    expect(code).toBe(0);
    expect(written.join('')).toContain('got it');
  });
});
