import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { SignedAnchor } from '../../../../src/audit/anchor/anchor-document';
import { leavesPath, writeAnchorFile } from '../../../../src/audit/anchor/anchor-files';
import { GONE, leafOf, readLeaf, type Head } from '../../../../src/audit/anchor/head';
import { LeavesUnproved, LeavesWriter, proveLeaves } from '../../../../src/audit/anchor/leaves-file';
import { anchorOf, head, newSigner, scratchDirectory } from '../../../support/anchors';

const SIGNER = newSigner();
const FIRST = [head('a', 1), head('b', 0), head('c', 5)];
/** b moved on, d came, c is gone. */
const SECOND = [head('a', 1), head('b', 2), head('d', 1)];
const CHANGES = [head('b', 2), { userId: 'c', sequence: GONE, hash: Buffer.alloc(0) }, head('d', 1)];

/** Nobody need trust a file of leaves: it leads to the signed root, or it is not used. */
describe('files of leaves', () => {
  let dir: string;
  let remove: () => Promise<void>;
  let first: SignedAnchor;
  let second: SignedAnchor;

  async function write(signed: SignedAnchor, lines: readonly Head[]): Promise<unknown> {
    await rm(leavesPath(dir, signed.anchor), { force: true });
    const writer = await LeavesWriter.open(dir, signed.anchor);
    for (const line of lines) await writer.add(line);
    return writer.end();
  }
  async function read(signed: SignedAnchor): Promise<readonly Head[]> {
    const all: Head[] = [];
    for await (const page of (await proveLeaves(dir, signed.anchor)).read()) all.push(...page);
    return all;
  }

  beforeEach(async () => {
    ({ dir, remove } = await scratchDirectory());
    first = anchorOf(SIGNER, FIRST, { number: 1 });
    const previous = { number: 1, sha256: first.hash.toString('hex') };
    const leaves = { kind: 'delta', lines: 3, sha256: '0'.repeat(64) } as const;
    second = anchorOf(SIGNER, SECOND, { number: 2, previous, leaves });
    await write(first, FIRST);
    await write(second, CHANGES);
    for (const signed of [first, second]) await writeAnchorFile(dir, signed);
  });
  afterEach(() => remove());

  test('give back all leaves, of a full file and of one with what changed', async () => {
    expect(await read(first)).toEqual(FIRST);
    expect(await read(second)).toEqual(SECOND);
    expect((await readdir(dir)).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  test('are lines of JSON, packed, with the sum that the anchor tells', async () => {
    const told = await write(first, FIRST);
    const text = gunzipSync(await readFile(leavesPath(dir, first.anchor))).toString();
    expect(text).toBe(FIRST.map((one) => `${leafOf(one)}\n`).join(''));
    expect(told).toMatchObject({ lines: 3, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
  });

  test('hold many users, in many packets', async () => {
    const many = Array.from({ length: 25_000 }, (_, i) => head(`u-${String(i).padStart(6, '0')}`, i + 1, i % 256));
    const signed = anchorOf(SIGNER, many, { number: 3 });
    await write(signed, many);
    expect((await read(signed)).map(leafOf)).toEqual(many.map(leafOf));
  });

  test.each([
    ['another head', [head('a', 1), head('b', 0), head('c', 5, 6)]],
    ['a user less', [head('a', 1), head('b', 0)]],
    ['a user more', [...FIRST, head('d', 1)]],
    ['another order', [head('b', 0), head('a', 1), head('c', 5)]],
    ['a user twice', [head('a', 1), head('a', 1), head('b', 0), head('c', 5)]],
  ])('with %s are not used', async (_what, forged) => {
    await write(first, forged);
    await expect(read(first)).rejects.toThrow(LeavesUnproved);
  });

  test('that are cut off, damaged or no leaves at all are not used', async () => {
    const path = leavesPath(dir, first.anchor);
    const whole = await readFile(path);
    await truncate(path, whole.length - 10);
    await expect(read(first)).rejects.toThrow(LeavesUnproved);
    await writeFile(path, gzipSync(`${FIRST.map(leafOf).join('\n')}`));
    await expect(read(first)).rejects.toThrow(/the last line is cut off/);
    await writeFile(path, 'not packed');
    await expect(read(first)).rejects.toThrow(LeavesUnproved);
    await writeFile(path, gzipSync('{}\n'));
    await expect(read(first)).rejects.toThrow(LeavesUnproved);
  });

  test('need the files back to the last full one, and the anchors that link them', async () => {
    await rm(leavesPath(dir, first.anchor));
    await expect(read(second)).rejects.toThrow(LeavesUnproved);
    await write(first, FIRST);
    expect(await read(second)).toEqual(SECOND);
    const [anchor = ''] = (await readdir(dir)).filter((name) => /^anchor-00000001-.*json$/.test(name));
    await rm(`${dir}/${anchor}`);
    await expect(read(second)).rejects.toThrow(`anchor 1 is not in ${dir}`);
  });

  test('of one number and moment are written by one process alone', async () => {
    const before = await readdir(dir);
    const place = { number: 9, time: '2026-01-31T09:05:00.000Z' };
    const writer = await LeavesWriter.open(dir, place);
    await expect(LeavesWriter.open(dir, place)).rejects.toMatchObject({ reason: 'CONTENTION' });
    for (const one of FIRST) await writer.add(one);
    await writer.end();
    await expect(LeavesWriter.open(dir, place)).rejects.toMatchObject({ reason: 'CONTENTION' });
    expect((await readdir(dir)).filter((name) => !before.includes(name))).toEqual([
      'anchor-00000009-20260131T090500000Z.leaves.gz',
    ]);
  });

  test('that are given up leave nothing', async () => {
    const place = { number: 9, time: '2026-01-31T09:05:00.000Z' };
    const writer = await LeavesWriter.open(dir, place);
    for (const one of FIRST) await writer.add(one);
    await writer.discard();
    const done = await LeavesWriter.open(dir, place);
    await done.end();
    await done.discard();
    expect((await readdir(dir)).filter((name) => name.includes('00000009'))).toEqual([]);
  });

  test('a line is a leaf only as it would be written', () => {
    expect(readLeaf(leafOf(head('a b', 7)))).toEqual(head('a b', 7));
    const hex = '11'.repeat(32);
    for (const line of [
      `["a", 1,"${hex}"]`,
      `["a",1,"${hex.slice(2)}"]`,
      `["a",1,""]`,
      `["a",-1,"${hex}"]`,
      `["a",-2,""]`,
    ]) {
      expect(() => readLeaf(line)).toThrow();
    }
  });
});
