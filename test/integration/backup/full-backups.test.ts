import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { chooseBackup, prune, readBackupFacts, readReaches, verifyTarget, type Manifest } from '../../../src/backup';
import { addWord, filesBelow, makeWords, setBackupStage, wordsIn, type BackupStage } from '../../support/backup-stage';
import { billing } from '../../support/command';
import { until } from '../../support/harness';
import { startPrivateMariadb, type PrivateMariadb } from '../../support/private-mariadb';

/** R7.4, R11.5: full backups are whole or known to be broken, and come back with triggers, procedures and rights. */
describe('full backups', () => {
  let stage: BackupStage;
  let spare: PrivateMariadb;
  let alone: Manifest;
  let streamed: Manifest;
  let directory: string;
  /** What the stream said of itself before the backup that it continues. */
  let earlyState: string;
  /** A second that began after the backup and before what follows it. */
  let moment: Date;
  beforeAll(async () => {
    stage = await setBackupStage();
    spare = await startPrivateMariadb();
    directory = stage.reader.target.directory;
    await makeWords(stage.source);
    await addWord(stage.source, 'one');
    alone = await stage.back();
    const stream = stage.startStream();
    await stream.caughtUp();
    earlyState = readFileSync(join(directory, 'streams', String(stream.progress?.stream), 'state'), 'utf8');
    await stage.source.query('FLUSH BINARY LOGS');
    await addWord(stage.source, 'two');
    streamed = await stage.back();
    await delay(1_000);
    moment = new Date(Math.floor(Date.now() / 1_000) * 1_000);
    await addWord(stage.source, 'three');
    await stage.source.query('FLUSH BINARY LOGS');
    await addWord(stage.source, 'four');
    await stage.source.query('FLUSH BINARY LOGS');
    await addWord(stage.source, 'five');
    await stream.caughtUp();
    await stream.stop();
  }, 60_000);
  afterAll(async () => {
    await stage.close();
    await spare.close();
  });

  const verdicts = async (reader = stage.reader) =>
    Object.fromEntries((await verifyTarget(reader)).map(({ what, fault }) => [what, fault]));

  const streamedNames = (): readonly string[] =>
    readdirSync(join(directory, 'streams', String(streamed.stream)))
      .filter((name) => name.startsWith('binlog'))
      .sort();

  test('one that no stream continues says so, and comes back to its own moment only', async () => {
    expect([alone.stream, streamed.stream === null]).toEqual([null, false]);
    await expect(stage.restoreInto(spare, alone, new Date())).rejects.toThrow('no stream continues');
    await spare.query('DROP DATABASE billing');
    // By the command that an operator uses, which tells of persons that come back with the past.
    const words = ['backup', 'restore', '--to-backup', '--backup', alone.id];
    const restored = billing(words, { ...stage.environment, RESTORE_DATABASE_URL: spare.urlOf('root') });
    expect([restored.code, restored.stderr]).toEqual([0, expect.stringContaining('erase them again')]);
    expect(await wordsIn(spare)).toEqual(['one']);
    await spare.query('DROP DATABASE billing');
  }, 60_000);

  test('bytes, triggers, procedures and rights come back; an account that is missing comes back locked', async () => {
    const accounts = ["'billing_backup'@'%'", "'billing_report'@'%'"];
    for (const account of accounts) await spare.query(`DROP USER ${account}`);
    const { accountsMade } = await stage.restoreInto(spare, streamed);
    expect(new Set(accountsMade)).toEqual(new Set(accounts));
    expect(await spare.query('SELECT * FROM billing.words')).toEqual(
      await stage.source.query('SELECT * FROM billing.words'),
    );
    await expect(spare.query("UPDATE billing.words SET word = 'other'")).rejects.toThrow(
      'Unhandled user-defined exception',
    );
    expect(await spare.query('CALL billing.look()')).toHaveLength(2);
    const grantsOn = async (server: PrivateMariadb, account: string) => {
      const rows = await server.query(`SHOW GRANTS FOR ${account}`);
      // A password belongs to its server.
      const grants = rows.flatMap((row) => Object.values(row)).map(String);
      return grants.map((grant) => grant.replace(/ IDENTIFIED BY .*/, '')).sort();
    };
    for (const account of accounts)
      expect(await grantsOn(spare, account)).toEqual(await grantsOn(stage.source, account));
    // Without it the stream of the new server would not begin.
    expect(await grantsOn(spare, "'billing_backup'@'%'")).toContainEqual(
      expect.stringContaining('BINLOG MONITOR ON *.*'),
    );
    const [locked] = await spare.query("SHOW CREATE USER 'billing_report'@'%'");
    expect(String(Object.values(locked ?? {})[0])).toContain('ACCOUNT LOCK');
  }, 60_000);

  test('a database that is not empty is left alone', async () => {
    const before = await wordsIn(spare);
    await expect(stage.restoreInto(spare, alone)).rejects.toThrow('billing is not empty: nothing was changed');
    expect(await wordsIn(spare)).toEqual(before);
  });

  test('none is taken while a migration runs, or by an account that would leave things out: nothing is left behind', async () => {
    const before = filesBelow(directory);
    await stage.source.query("SELECT GET_LOCK('migrate:billing', 0)");
    await expect(stage.back()).rejects.toThrow('another process holds the lock migrate:billing');
    await stage.source.query("SELECT RELEASE_LOCK('migrate:billing')");
    const rights = [
      ['TRIGGER ON billing.*', 'lacks TRIGGER on billing'],
      ['SELECT ON mysql.proc', 'lacks SELECT on mysql.proc'],
    ];
    for (const [right, refusal] of rights) {
      await stage.source.query(`REVOKE ${right} FROM 'billing_backup'@'%'`);
      await expect(stage.back()).rejects.toThrow(refusal);
      await stage.source.query(`GRANT ${right} TO 'billing_backup'@'%'`);
    }
    expect(filesBelow(directory)).toEqual(before);
  }, 60_000);

  test('none is kept whose lock on migrations was lost while it was taken', async () => {
    const before = filesBelow(directory);
    // The dump waits for the table, so that the connection with the lock is idle when it is killed.
    await stage.source.query('LOCK TABLES words WRITE');
    const refused = expect(stage.back()).rejects.toThrow('the connection that held the lock migrate:billing has ended');
    const waiting = "SELECT 1 FROM information_schema.PROCESSLIST WHERE STATE = 'Waiting for table metadata lock'";
    await until('the dump waits', async () => (await stage.source.query(waiting)).length > 0);
    const [holder] = await stage.source.query("SELECT IS_USED_LOCK('migrate:billing') AS id");
    await stage.source.query(`KILL ${String(holder?.['id'])}`);
    await stage.source.query('UNLOCK TABLES');
    await refused;
    expect(filesBelow(directory)).toEqual(before);
  }, 60_000);

  test('whatever is altered, cut off or taken away in the target is found, and nothing else is blamed', async () => {
    expect(Object.values(await verdicts())).toEqual([undefined, undefined, undefined]);
    const stream = String(streamed.stream);
    const copy = `${directory}-copy`;
    const reader = { ...stage.reader, target: { directory: copy } };
    const [first = '', middle = ''] = streamedNames();
    const logs = (): readonly string[] => filesBelow(copy).filter((name) => /binlog.*sealed$/.test(name));
    const harms: readonly [string, (at: string) => void, RegExp][] = [
      [streamed.id, (home) => truncateSync(join(home, 'dump.sql.gz.sealed'), 200), /has 200 bytes, not/],
      [streamed.id, (home) => flip(join(home, 'dump.sql.gz.sealed')), /was altered: its SHA-256 is another/],
      [streamed.id, (home) => rmSync(join(home, 'accounts.json.sealed')), /is missing/],
      [streamed.id, (home) => rewrite(join(home, 'manifest'), '"tables":1', '"tables":2'), /its signature is not that/],
      [
        streamed.id,
        (home) => cpSync(join(directory, 'fulls', alone.id), home, { recursive: true }),
        /is that of the backup/,
      ],
      [stream, () => flip(join(copy, logs()[0] ?? '')), /was altered or cut off/],
      [stream, () => rmSync(join(copy, logs().at(-1) ?? '')), /but had come to/],
      [stream, (home) => rmSync(join(home, 'binlog.000002'), { recursive: true, force: true }), /but had come to|gap/],
      // The beginning of what the backup needs, whatever of the stream was there before.
      [
        stream,
        (home) =>
          streamedNames()
            .filter((name) => name <= streamed.log.file)
            .forEach((name) => rmSync(join(home, name), { recursive: true })),
        /lacks binlog\.\d+, with which it continues a full backup/,
      ],
      // All that followed the backup, and a state of before that was put back.
      [
        stream,
        (home) => {
          for (const name of streamedNames().slice(1)) rmSync(join(home, name), { recursive: true });
          writeFileSync(join(home, 'state'), earlyState);
        },
        /ends before binlog.* where the backup .* goes on/,
      ],
      // A file in the middle: its only piece, what says how long it is, and that of another one.
      [stream, () => rmSync(join(copy, logs()[1] ?? '')), /had \d+ bytes, and 0 are left/],
      [stream, (home) => rmSync(join(home, middle, 'end')), /end is missing/],
      [stream, (home) => cpSync(join(home, first, 'end'), join(home, middle, 'end')), /end is that of binlog/],
      [stream, (home) => rmSync(join(home, 'state')), /state is missing/],
      [stream, (home) => rmSync(home, { recursive: true }), /it is missing, and a full backup needs it/],
      [stream, (home) => rewrite(join(home, 'stream'), '"firstFile"', '"firstfile"'), /its signature is not that/],
      [stream, (home) => rewrite(join(home, 'state'), '"position":', '"position":1'), /its signature is not that/],
    ];
    for (const [what, harm, fault] of harms) {
      rmSync(copy, { recursive: true, force: true });
      cpSync(directory, copy, { recursive: true });
      harm(join(copy, what === stream ? 'streams' : 'fulls', what));
      const found = Object.entries(await verdicts(reader)).filter(([, said]) => said !== undefined);
      expect(found).toEqual([[what, expect.stringMatching(fault)]]);
    }
    rmSync(copy, { recursive: true, force: true });
  }, 60_000);

  test('a hole or a cut end of the log is never restored silently; what was before it comes back, and the backup alone', async () => {
    const copy = `${directory}-copy`;
    const home = join(copy, 'streams', String(streamed.stream));
    // The backup is continued by the second file; the third one is replayed from its beginning.
    const [, , middle = '', last = ''] = streamedNames();
    const told: string[] = [];
    const more = { directory: copy, tell: (line: string) => void told.push(line) };
    const drop = (): Promise<unknown> => spare.query('DROP DATABASE IF EXISTS billing');
    const harmed = async (harm: () => void): Promise<void> => {
      await drop();
      rmSync(copy, { recursive: true, force: true });
      cpSync(directory, copy, { recursive: true });
      harm();
    };
    const removePieces = (name: string): void => {
      for (const piece of readdirSync(join(home, name)).filter((file) => file !== 'end'))
        rmSync(join(home, name, piece));
    };
    const harms: readonly [() => void, RegExp][] = [
      [() => removePieces(middle), /had \d+ bytes, and 0 are left/],
      [() => rmSync(join(home, middle), { recursive: true }), /gap before/],
      [() => rmSync(join(home, middle, 'end')), /end is missing/],
      [() => removePieces(last), /but had come to/],
      [() => rmSync(join(home, last), { recursive: true }), /but had come to/],
      [() => streamedNames().forEach((name) => rmSync(join(home, name), { recursive: true })), /has no log file/],
      [() => rmSync(home, { recursive: true }), /has no log file/],
    ];
    for (const [harm, fault] of harms) {
      await harmed(harm);
      await expect(stage.restoreInto(spare, streamed, undefined, more)).rejects.toThrow(fault);
      expect(await spare.query("SHOW DATABASES LIKE 'billing'")).toEqual([]);
    }
    // Of the last two nothing is left but the backup itself.
    expect(await stage.restoreInto(spare, streamed, undefined, { ...more, isAlone: true })).toMatchObject({
      end: undefined,
      provenTime: undefined,
    });
    expect(await wordsIn(spare)).toEqual(['one', 'two']);

    await harmed(() => removePieces(last));
    const future = new Date(Date.now() + 60_000);
    await expect(stage.restoreInto(spare, streamed, future, more)).rejects.toThrow(
      /before the moment that was asked for/,
    );
    await drop();
    await stage.restoreInto(spare, streamed, moment, more);
    expect(await wordsIn(spare)).toEqual(['one', 'two']);

    // One broken state stops nobody; it proves nothing either.
    await harmed(() => rewrite(join(home, 'state'), '"position":', '"position":1'));
    told.length = 0;
    expect(await stage.restoreInto(spare, streamed, undefined, more)).toMatchObject({ provenTime: undefined });
    expect(told[0]).toMatch(/nothing says how far the stream .* had come: .*state was altered/);
    expect(await wordsIn(spare)).toEqual(['one', 'two', 'three', 'four', 'five']);
    const reaches = await readReaches({ ...stage.reader, target: { directory: copy }, tell: more.tell });
    expect(chooseBackup(reaches, undefined).id).toBe(streamed.id);
    rmSync(copy, { recursive: true });
  }, 60_000);

  test('a review believes a target as long as nobody altered a byte of any manifest, or took one away', async () => {
    const last = new Date(streamed.startTime);
    expect(await readBackupFacts(stage.reader)).toMatchObject({ lastFullTime: last, lastDrill: undefined });
    const copy = `${directory}-copy`;
    const reader = { ...stage.reader, target: { directory: copy } };
    const harms: readonly [string, (path: string) => void, string][] = [
      ...[alone, streamed].flatMap(({ id }): [string, (path: string) => void, string][] => [
        [`fulls/${id}/manifest`, (path) => flip(path, 200), 'was altered: its signature is not that'],
        [`fulls/${id}/manifest`, rmSync, `there is no full backup ${id}`],
      ]),
      [`streams/${streamed.stream}/stream`, (path) => flip(path, 200), 'was altered: its signature is not that'],
      [`streams/${streamed.stream}/state`, (path) => flip(path, 200), 'was altered: its signature is not that'],
    ];
    for (const [place, harm, fault] of harms) {
      cpSync(directory, copy, { recursive: true });
      harm(join(copy, place));
      await expect(readBackupFacts(reader)).rejects.toThrow(fault);
      rmSync(copy, { recursive: true });
    }
  });

  test('what is too old goes, with the log that only it needed; the newest whole one stays however old it is', async () => {
    const future = new Date(Date.now() + 86_400_000);
    const before = filesBelow(directory);
    const planned = await prune(stage.reader, future, true);
    expect(filesBelow(directory)).toEqual(before);
    const [first] = streamedNames();
    expect(planned).toEqual({ fulls: [alone.id], logs: [`${streamed.stream}/${first}`] });

    // The newest is broken: the one before it is the last good one.
    const dump = join(directory, 'fulls', streamed.id, 'dump.sql.gz.sealed');
    const content = readFileSync(dump);
    truncateSync(dump, 10);
    expect((await prune(stage.reader, future, true)).fulls).toEqual([]);
    truncateSync(join(directory, 'fulls', alone.id, 'dump.sql.gz.sealed'), 10);
    await expect(prune(stage.reader, future, false)).rejects.toThrow('no full backup is whole: nothing was removed');
    expect(filesBelow(directory)).toEqual(before);

    writeFileSync(dump, content);
    // Of one that can not be read nobody knows which log it needs.
    const manifest = join(directory, 'fulls', alone.id, 'manifest');
    const signed = readFileSync(manifest);
    rewrite(manifest, '"tables":1', '"tables":2');
    await expect(prune(stage.reader, future, false)).rejects.toThrow('and nothing was removed');
    expect(filesBelow(directory)).toEqual(before);
    writeFileSync(manifest, signed);
    expect(await prune(stage.reader, future, false)).toEqual(planned);
    expect(Object.values(await verdicts())).toEqual([undefined, undefined]);
    expect((await prune(stage.reader, future, false)).fulls).toEqual([]);
    const stream = stage.startStream();
    await stream.caughtUp();
    await stream.stop();
    expect(stream.progress?.stream).toBe(streamed.stream);
  }, 60_000);
});

function flip(path: string, fromEnd = 30): void {
  const content = readFileSync(path);
  const at = content.length - fromEnd;
  content[at] = (content[at] ?? 0) ^ 1;
  writeFileSync(path, content);
}

function rewrite(path: string, from: string, to: string): void {
  writeFileSync(path, readFileSync(path, 'utf8').replace(from, to));
}
