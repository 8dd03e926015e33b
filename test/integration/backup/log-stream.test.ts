import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { prune, readBackupFacts, verifyTarget } from '../../../src/backup';
import {
  addWord,
  contentOf,
  filesBelow,
  makeWords,
  setBackupStage,
  wordsIn,
  type BackupStage,
} from '../../support/backup-stage';
import { until } from '../../support/harness';
import { startPrivateMariadb, type PrivateMariadb } from '../../support/private-mariadb';

/** R7.4, R11.5: what was acknowledged is in the target, without a gap, and nothing of another history ever joins it. */
describe('the stream of the binary log', () => {
  let stage: BackupStage;
  let spare: PrivateMariadb;
  beforeAll(async () => {
    stage = await setBackupStage();
    spare = await startPrivateMariadb();
    await makeWords(stage.source);
  });
  afterAll(async () => {
    await stage.close();
    await spare.close();
  });

  const streamedFiles = (): readonly string[] =>
    filesBelow(stage.reader.target.directory).filter((name) => /binlog.*sealed$/.test(name));
  const faults = async (): Promise<readonly unknown[]> =>
    (await verifyTarget(stage.reader)).map(({ fault }) => fault).filter((fault) => fault !== undefined);

  test('goes on over rotated logs, a stream that was stopped, and a server that was killed, without a gap', async () => {
    const first = stage.startStream();
    await first.caughtUp();
    await addWord(stage.source, 'before the backup');
    const manifest = await stage.back();
    expect(manifest.stream).toBe(first.progress?.stream);
    await addWord(stage.source, 'after it');
    await stage.source.query('FLUSH BINARY LOGS');
    await addWord(stage.source, 'in the next log');
    await first.caughtUp();
    await first.stop();
    await addWord(stage.source, 'while nothing was shipped');

    const second = stage.startStream();
    await second.caughtUp();
    await addWord(stage.source, 'before the kill');
    await second.caughtUp();
    await stage.source.kill();
    await until('it was noticed', async () => second.told.some((line) => line.includes('trying again')));
    await stage.source.start();
    await addWord(stage.source, 'after the kill');
    await second.caughtUp();
    expect(second.progress?.stream).toBe(manifest.stream);
    await second.stop();

    expect(await faults()).toEqual([]);
    const restored = await stage.restoreInto(spare, manifest);
    expect(restored.accountsMade).toEqual([]);
    expect(await wordsIn(spare)).toEqual(await wordsIn(stage.source));
    expect((await wordsIn(spare)).at(-1)).toBe('after the kill');
    await spare.query('DROP DATABASE billing');
  }, 60_000);

  test('has one piece of each log file that is complete', async () => {
    const files = streamedFiles().map((name) => name.split('/').at(-2));
    const complete = files.slice(0, -1);
    expect(complete.length).toBeGreaterThan(1);
    expect(new Set(complete).size).toBe(complete.length);
  });

  test('is shipped by one process at a time; another waits and takes over', async () => {
    const first = stage.startStream();
    await first.caughtUp();
    const second = stage.startStream();
    await until('it waits', async () => second.told.some((line) => line.includes('another process holds the lock')));
    expect(second.progress).toBeUndefined();
    await first.stop();
    await addWord(stage.source, 'shipped by the other');
    await second.caughtUp();
    await second.stop();
    expect(second.progress?.stream).toBe(first.progress?.stream);
  }, 60_000);

  test('goes on only under its lock: one that lost it with its connection tells, and takes it anew', async () => {
    const stream = stage.startStream();
    await stream.caughtUp();
    const name = `billing-backup:${stream.progress?.stream}`;
    const holder = async () => (await stage.source.query('SELECT IS_USED_LOCK(?) AS id', [name]))[0]?.['id'];
    // Killed between two looks the connection is replaced without a word; three of them are not all killed within a look.
    for (let times = 1; times <= 3; times += 1) {
      await stage.source.query(`KILL ${String(await holder())}`);
      await until(
        'it was noticed',
        async () => stream.told.filter((line) => line.includes('trying again')).length >= times,
      );
      await until('it has the lock again', async () => (await holder()) !== null);
      await stream.caughtUp();
    }
    await stream.stop();
    expect(await faults()).toEqual([]);
  }, 60_000);

  test('keeps its copies in a directory that nobody else can foresee or read, and takes away what it left when it was killed', async () => {
    const below = stage.environment['BACKUP_SPOOL_DIR'] ?? '';
    const [id = ''] = readdirSync(join(stage.reader.target.directory, 'streams'));
    const left = join(below, `billing-backup-${id}`);
    mkdirSync(left);
    writeFileSync(join(left, 'binlog.000001'), 'in clear');
    const stream = stage.startStream();
    await stream.caughtUp();
    const [spool = '', ...others] = readdirSync(below);
    expect(others).toEqual([]);
    expect(spool).toMatch(new RegExp(`^billing-backup-${id}-\\w{6}$`));
    expect(statSync(join(below, spool)).mode & 0o777).toBe(0o700);
    await stream.stop();
    expect(readdirSync(below)).toEqual([]);
  }, 60_000);

  test('brings back a moment: what was committed before that second, and nothing after it', async () => {
    const stream = stage.startStream();
    await stream.caughtUp();
    const manifest = await stage.back();
    await addWord(stage.source, 'wanted');
    await delay(1_100);
    // Truncated to its second, in which nothing has happened.
    const moment = new Date(Math.floor(Date.now() / 1_000) * 1_000);
    await delay(1_000);
    await addWord(stage.source, 'a mistake');
    await stream.caughtUp();
    await stream.stop();
    await stage.restoreInto(spare, manifest, moment);
    expect((await wordsIn(spare)).at(-1)).toBe('wanted');
    await spare.query('DROP DATABASE billing');
    await expect(stage.restoreInto(spare, manifest, new Date(Date.parse(manifest.startTime)))).rejects.toThrow(
      'is later than',
    );
  }, 60_000);

  test('refuses a server with another history, and changes nothing', async () => {
    const before = contentOf(stage.reader.target.directory);
    await spare.query('CREATE DATABASE IF NOT EXISTS billing');
    expect((await stage.streamFault(spare.urlOf('backup'))).message).toMatch(/can not go on: .* --new/s);
    // The same names of log files, and as many bytes.
    const last = streamedFiles().at(-1)?.split('/').at(-2) ?? '';
    for (let number = 0; number < 6; number += 1) await spare.query('FLUSH BINARY LOGS');
    const names = (await spare.query('SHOW BINARY LOGS')).map((row) => row['Log_name']);
    expect(names).toContain(last);
    for (let number = 0; number < 20; number += 1) await spare.query(`CREATE TABLE billing.t${number} (id INT)`);
    expect((await stage.streamFault(spare.urlOf('backup'))).message).toMatch(
      /can not go on: the server has another binlog/,
    );
    expect(contentOf(stage.reader.target.directory)).toEqual(before);
  }, 60_000);

  test('refuses to leave a gap where the server has dropped what was not shipped yet', async () => {
    for (const word of ['lost', 'kept']) {
      await stage.source.query('FLUSH BINARY LOGS');
      await addWord(stage.source, word);
    }
    const [newest] = await stage.source.query('SHOW MASTER STATUS');
    await stage.source.query('PURGE BINARY LOGS TO ?', [newest?.['File']]);
    const before = contentOf(stage.reader.target.directory);
    expect((await stage.streamFault()).message).toMatch(/can not go on: the server has no binlog.* any more/);
    expect(contentOf(stage.reader.target.directory)).toEqual(before);

    // What no full backup is continued by can not be restored, however near the stream is: a review hears of the old reach.
    const begun = new Date();
    const another = stage.startStream({ isNew: true });
    await another.caughtUp();
    const loose = await readBackupFacts(stage.reader);
    expect([loose.looseStream, loose.lastLogTime && loose.lastLogTime < begun]).toEqual([
      another.progress?.stream,
      true,
    ]);
    const manifest = await stage.back();
    await another.caughtUp();
    const continued = await readBackupFacts(stage.reader);
    expect([continued.looseStream, continued.lastLogTime && continued.lastLogTime > begun]).toEqual([undefined, true]);
    await another.stop();
    expect(manifest.stream).toBe(another.progress?.stream);
    expect(await faults()).toEqual([]);
  }, 60_000);

  test('of another time that was altered stops neither backups nor streams nor pruning', async () => {
    const { directory } = stage.reader.target;
    const [old = ''] = readdirSync(join(directory, 'streams')).sort();
    const start = join(directory, 'streams', old, 'stream');
    writeFileSync(start, readFileSync(start, 'utf8').replace('"port"', '"Port"'));
    const stream = stage.startStream();
    await stream.caughtUp();
    const manifest = await stage.back();
    await stream.stop();
    expect([manifest.stream, stream.progress?.stream === old]).toEqual([stream.progress?.stream, false]);
    expect(await faults()).toEqual([expect.stringMatching(/its signature is not that/)]);
    const { logs } = await prune(stage.reader, new Date(Date.now() + 86_400_000), true);
    expect(logs).toContain(old);
  }, 60_000);
});
