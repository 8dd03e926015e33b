import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { gzipSync } from 'node:zlib';
import { pack, unpack } from '../../../src/audit/evidence/archive';
import { Collector } from '../../../src/audit/evidence/collector';
import { KeptArchives } from '../../../src/audit/evidence/kept-archives';
import { MalformedArchive, readTar, tarParts, type ArchiveFile } from '../../../src/audit/evidence/tar';
import { isReason } from '../../../src/platform/errors';

const TIME = new Date('2026-03-01T00:00:00.000Z');
const FILES = [
  { path: 'manifest.json', content: Buffer.from('{}\n') },
  { path: 'tables/users.jsonl', content: Buffer.alloc(0) },
  { path: 'tables/quota_logs.jsonl', content: Buffer.from(`${'衣'.repeat(700)}\n`) },
];

const tarBytes = (files: readonly ArchiveFile[], time: Date): Buffer => Buffer.concat(tarParts(files, time));

/** R7.2: the archive is a plain tar.gz that any tool opens, and the reader takes nothing that the writer would not write. */
describe('an archive of evidence', () => {
  test('is read by the tar of any system, and by ours', async () => {
    const archive = await pack(FILES, TIME);
    const directory = mkdtempSync(join(tmpdir(), 'evidence-'));
    try {
      writeFileSync(join(directory, 'a.tar.gz'), archive);
      execFileSync('tar', ['-xzf', 'a.tar.gz'], { cwd: directory });
      for (const { path, content } of FILES) expect(readFileSync(join(directory, path))).toEqual(content);
    } finally {
      rmSync(directory, { recursive: true });
    }
    const { files, time } = unpack(archive);
    expect([...files]).toEqual(FILES.map(({ path, content }) => [path, content]));
    expect(time).toEqual(TIME);
  });

  test('of the same files at the same time is the same, byte for byte', async () => {
    const archive = await pack(FILES, TIME);
    expect(archive.equals(await pack(FILES, TIME))).toBe(true);
    expect(archive.equals(await pack(FILES, new Date(TIME.getTime() + 1_000)))).toBe(false);
  });

  const tar = tarBytes(FILES, TIME);
  const changed = (at: number, byte: number): Buffer => {
    const copy = Buffer.from(tar);
    copy[at] = byte;
    return copy;
  };
  test.each([
    ['cut in a file', tar.subarray(0, 600)],
    ['cut before its end', tar.subarray(0, tar.length - 1_024)],
    ['cut within its end', tar.subarray(0, tar.length - 512)],
    ['followed by something', Buffer.concat([tar, Buffer.alloc(512, 1)])],
    ['with a changed name', changed(0, 0x6e)],
    ['with a link', changed(156, 0x32)],
    ['with a changed size', changed(134, 0x37)],
    ['with a file twice', tarBytes([...FILES, ...FILES], TIME)],
    ['of nothing', Buffer.alloc(0)],
  ])('that is %s is refused', (_what, broken) => {
    expect(() => readTar(broken)).toThrow(MalformedArchive);
  });

  test('of which any byte was changed is refused, or holds other files, or is of another time', () => {
    const taken = [...tar.keys()].filter((at) => {
      try {
        const { files, time } = readTar(changed(at, (tar[at] ?? 0) ^ 1));
        return time.getTime() === TIME.getTime() && isDeepStrictEqual(files, FILES);
      } catch (error) {
        if (error instanceof MalformedArchive) return false;
        throw error;
      }
    });
    expect(taken).toEqual([]);
  });

  test.each(['../x', '/etc/passwd', 'a//b', 'a b', '', 'x'.repeat(101)])('never holds the path %p', (path) => {
    expect(() => tarBytes([{ path, content: Buffer.alloc(0) }], TIME)).toThrow();
  });

  test('that holds more than was packed is refused, whoever packed it', async () => {
    const archive = await pack(FILES, TIME);
    const rest = archive.subarray(48);
    const packedAgain = (bytes: Buffer): Buffer =>
      Buffer.concat([archive.subarray(0, 16), createHash('sha256').update(bytes).digest(), bytes]);
    expect(unpack(packedAgain(rest)).time).toEqual(TIME);
    const wrongCrc = Buffer.from(rest);
    wrongCrc[rest.length - 8] = (wrongCrc[rest.length - 8] ?? 0) ^ 1;
    const trailing = [Buffer.from('x'), Buffer.alloc(8), gzipSync(''), rest.subarray(-8)];
    for (const bytes of [wrongCrc, ...trailing.map((more) => Buffer.concat([rest, more]))]) {
      expect(() => unpack(packedAgain(bytes))).toThrow(MalformedArchive);
    }
  });

  test('that is no gzip, or unpacks to more than may be, is refused', async () => {
    expect(() => unpack(Buffer.from('not an archive'))).toThrow(MalformedArchive);
    const huge = await pack([{ path: 'x', content: Buffer.alloc(81 * 1_024 * 1_024) }], TIME);
    expect(() => unpack(huge)).toThrow(MalformedArchive);
  });
});

describe('the files of an archive as they grow', () => {
  test('are refused as too large before they are more than 64 MiB', () => {
    const collector = new Collector();
    const row = { text: 'x'.repeat(1_000_000) };
    let rows = 0;
    let refusal: unknown;
    try {
      for (; rows < 100; rows += 1) collector.rows('a.jsonl', [row]);
    } catch (error) {
      refusal = error;
    }
    expect(isReason(refusal, 'EVIDENCE_TOO_LARGE')).toBe(true);
    expect(rows).toBe(67);
  });

  test('are listed by path with rows, bytes and hash; bytes are hex and times UTC', () => {
    const collector = new Collector();
    collector.rows('b.jsonl', [{ hash: Buffer.from([1, 255]), time: TIME, none: null, count: 7 }]);
    collector.open('a.jsonl');
    const { files, listed } = collector.finish();
    expect(files[1]?.content.toString()).toBe(
      '{"hash":"01ff","time":"2026-03-01T00:00:00.000Z","none":null,"count":7}\n',
    );
    expect(listed).toMatchObject([
      {
        path: 'a.jsonl',
        rows: 0,
        bytes: 0,
        sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      },
      { path: 'b.jsonl', rows: 1, bytes: 72 },
    ]);
  });
});

describe('archives that are fetched piece by piece', () => {
  const one = { archive: Buffer.alloc(10), hash: 'a', fileName: 'a.tar.gz' };

  afterEach(() => jest.useRealTimers());

  test('are kept for who asked, for five minutes, and then let go though nobody asks any more', () => {
    jest.useFakeTimers();
    const kept = new KeptArchives();
    kept.keep('auditor', one);
    expect(kept.find('auditor', 'a')).toMatchObject(one);
    expect(kept.find('somebody else', 'a')).toBeUndefined();
    expect(kept.find('auditor', 'b')).toBeUndefined();
    jest.advanceTimersByTime(299_999);
    expect(kept.find('auditor', 'a')).toBeDefined();
    jest.advanceTimersByTime(1);
    expect(kept).toMatchObject({ entries: [] });
  });

  test('are let go, the oldest first, when together they are too large', () => {
    jest.useFakeTimers();
    const kept = new KeptArchives();
    const archive = Buffer.alloc(70 * 1_024 * 1_024);
    for (const hash of ['a', 'b', 'c']) kept.keep('auditor', { archive, hash, fileName: hash });
    expect(['a', 'b', 'c'].map((hash) => kept.find('auditor', hash) !== undefined)).toEqual([false, true, true]);
  });
});
