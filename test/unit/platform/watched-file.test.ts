import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { watchFile } from '../../../src/platform/watched-file';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'billing-watched-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const NEVER_MS = 600_000;

/** A file, and what was taken of it and complained of. */
function watched(intervalMs = NEVER_MS) {
  const path = join(dir, 'secret');
  writeFileSync(path, 'one\n');
  const taken: string[] = [];
  const failures: unknown[] = [];
  const take = (text: string): void => {
    if (text === 'bad') throw new Error('can not be used');
    taken.push(text);
  };
  const file = watchFile(path, intervalMs, { take, onFailure: (error) => failures.push(error) });
  return { path, taken, failures, file };
}

/** R11.2: a mounted secret that is replaced is taken without a restart; what can not be used changes nothing. */
describe('a watched file', () => {
  test('is taken at once, and again only when its text changes, in whatever way it was replaced', () => {
    const { path, taken, failures, file } = watched();
    file.look();
    writeFileSync(path, 'two\n');
    file.look();
    file.look();
    writeFileSync(`${path}.new`, 'three');
    renameSync(`${path}.new`, path);
    file.look();
    file.stop();
    expect(taken).toEqual(['one', 'two', 'three']);
    expect(failures).toEqual([]);
  });

  test('that can not be used, or is gone, is complained of once, and taken when it is good again', () => {
    const { path, taken, failures, file } = watched();
    writeFileSync(path, 'bad');
    file.look();
    file.look();
    expect(failures).toHaveLength(1);
    rmSync(path);
    file.look();
    file.look();
    expect(failures).toHaveLength(2);
    writeFileSync(path, 'one\n');
    file.look();
    file.stop();
    expect(taken).toEqual(['one', 'one']);
  });

  test('is looked at by itself until it is stopped', async () => {
    const { path, taken, file } = watched(5);
    writeFileSync(path, 'two');
    while (taken.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    file.stop();
    writeFileSync(path, 'three');
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(taken).toEqual(['one', 'two']);
  });
});
