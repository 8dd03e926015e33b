import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBackupKeys } from '../../../src/backup/backup-keys';
import { mergeComplete, writePiece } from '../../../src/backup/piece-writer';
import { readLogFile } from '../../../src/backup/stream-files';
import { writeDurably } from '../../../src/backup/target';

/** R7.4, R11.5: what was proven to be in the target is taken away only for something that holds as much. */
describe('pieces of a log file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'billing-test-pieces-'));
  const parts = { target: { directory }, keys: createBackupKeys([randomBytes(32)]), verifiers: [] };
  const log = { stream: 's', name: 'binlog.000001' };
  const home = join(directory, 'streams', log.stream, log.name);
  const local = join(directory, 'local');
  const bytes = randomBytes(200);
  beforeEach(async () => {
    mkdirSync(join(directory, 'streams', log.stream), { recursive: true });
    await writePiece(parts, log, { start: 0, end: 100 }, bytes.subarray(0, 100));
    await writePiece(parts, log, { start: 100, end: 200 }, bytes.subarray(100));
  });
  afterEach(() => rmSync(join(directory, 'streams'), { recursive: true }));
  afterAll(() => rmSync(directory, { recursive: true }));

  const shipped = async (): Promise<Buffer> => {
    const read: Buffer[] = [];
    for await (const part of readLogFile(parts, log, bytes.length)) read.push(part);
    return Buffer.concat(read);
  };

  test('stay as they are where the local copy does not reach as far', async () => {
    const before = readdirSync(home);
    writeFileSync(local, bytes.subarray(0, 120));
    await expect(mergeComplete(parts, log, local)).rejects.toThrow(
      'there are 120 bytes from 0 on in the spool, not 200',
    );
    expect(readdirSync(home)).toEqual(before);
    expect((await shipped()).equals(bytes)).toBe(true);

    writeFileSync(local, bytes);
    await mergeComplete(parts, log, local);
    expect(readdirSync(home)).toHaveLength(1);
    expect((await shipped()).equals(bytes)).toBe(true);
  });

  test('are not written where the local copy has fewer bytes', async () => {
    const before = readdirSync(home);
    const short = bytes.subarray(0, 50);
    await expect(writePiece(parts, log, { start: 200, end: 300 }, short)).rejects.toThrow('50 bytes from 200 on');
    expect(readdirSync(home)).toEqual(before);
  });

  test('and documents are whole whoever writes them at the same time, and a failure leaves no draft', async () => {
    const path = join(directory, 'streams', 'state');
    const contents = Array.from({ length: 20 }, (_, index) => String(index).repeat(100_000));
    await Promise.all(contents.map((content) => writeDurably(path, content)));
    mkdirSync(join(directory, 'streams', 'taken'));
    await expect(writeDurably(join(directory, 'streams', 'taken'), 'x')).rejects.toThrow('EISDIR');
    expect(readdirSync(join(directory, 'streams'))).toEqual(['s', 'state', 'taken']);
  });
});
