import { createHmac, randomBytes } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection } from 'mysql2/promise';
import { openAnchorWebhook } from '../../../../src/audit';
import { anchorFileText } from '../../../../src/audit/anchor/anchor-document';
import { systemClock } from '../../../../src/platform/clock';
import { AnchorStage } from '../../../support/anchor-stage';
import { mustSucceed } from '../../../support/clients';
import { consume, registerMember, registerUser, startHarness, type Harness } from '../../../support/harness';
import { startHttpReceiver, type HttpReceiver } from '../../../support/http-receiver';
import { TestClock } from '../../../support/test-clock';

const HOUR_MS = 3_600_000;

/** Issue 7, anchor; design §10: hourly, one consistent snapshot, each naming its predecessor, signed, kept elsewhere. */
describe('the job that makes anchors', () => {
  let h: Harness;
  let stage: AnchorStage;
  let root: Connection;
  let hour = 10;

  beforeAll(async () => {
    h = await startHarness();
    root = await h.db.connect('root');
    for (const trigger of ['audit_anchors_frozen', 'audit_anchors_no_delete', 'users_no_delete', 'users_frozen']) {
      await root.query(`DROP TRIGGER ${trigger}`);
    }
  }, 60_000);
  beforeEach(async () => {
    await root.query('DELETE FROM audit_anchors');
    await root.query("UPDATE alerts SET resolve_time = open_time, resolution = 'test' WHERE resolve_time IS NULL");
    const clock = new TestClock();
    // Noon in Shanghai: the hours of a test are of one business day.
    clock.stopAt(new Date(new Date().toISOString().replace(/T.*/, 'T04:10:00.000Z')));
    stage = await AnchorStage.open(h.db, h.infra, clock);
    hour = 12;
  });
  afterEach(() => stage.close());
  afterAll(async () => {
    await root.end();
    await h.stop();
  });

  /** Runs the job for the next hour, an hour later. */
  async function nextHour(): Promise<void> {
    await stage.run(`2026-01-31T${hour}`);
    hour += 1;
    stage.clock.advanceMs(HOUR_MS);
  }
  const stored = () => h.db.query('SELECT number, slot, export_time FROM audit_anchors ORDER BY number');
  const openAlerts = () =>
    h.db.query(
      "SELECT subject_id, severity, details FROM alerts WHERE kind = 'anchor_conflict' AND resolve_time IS NULL",
    );

  test('makes one for an hour, however often it is run, and links it to the one before', async () => {
    const { userId } = await registerMember(h);
    await nextHour();
    await mustSucceed(consume(h, { userId, requestId: 'c-1' }));
    await nextHour();
    await stage.run('2026-01-31T13');
    await stage.run('2026-01-31T02');
    const [first, second, ...more] = await stage.anchors();
    expect(more).toEqual([]);
    expect(first?.anchor).toMatchObject({ number: 1, slot: '2026-01-31T12', previous: null, leaves: { kind: 'full' } });
    const previous = { number: 1, sha256: first?.hash.toString('hex') };
    // Only one user moved on.
    expect(second?.anchor).toMatchObject({ number: 2, previous, leaves: { kind: 'delta', lines: 1 } });
    expect(second?.anchor.users.rows).toBe((first?.anchor.users.rows ?? 0) + 1);
    expect(await stored()).toMatchObject([
      { number: 1, slot: '2026-01-31T12', export_time: expect.any(Date) as Date },
      { number: 2, slot: '2026-01-31T13', export_time: expect.any(Date) as Date },
    ]);
    for (const signed of [first, second]) {
      if (signed === undefined) throw new Error('no anchor');
      expect(await stage.verify(signed)).toMatchObject({ problems: [] });
    }
    expect(await openAlerts()).toEqual([]);
  });

  test('writes all leaves in the first of a business day, and when those before are lost', async () => {
    const kinds = async () => (await stage.anchors()).map(({ anchor }) => anchor.leaves.kind);
    await nextHour();
    await nextHour();
    expect(await kinds()).toEqual(['full', 'delta']);
    // From 15:10 to 00:10 in Shanghai.
    stage.clock.advanceMs(10 * HOUR_MS);
    await nextHour();
    await nextHour();
    expect(await kinds()).toEqual(['full', 'delta', 'full', 'delta']);
    const [, , , last] = await stage.anchors();
    if (last === undefined) throw new Error('no anchor');
    await writeFile(stage.leavesOf(last), 'damaged');
    await nextHour();
    expect(await kinds()).toEqual(['full', 'delta', 'full', 'delta', 'full']);
    expect(await openAlerts()).toMatchObject([
      { subject_id: '5', details: expect.stringContaining('The leaves of anchor 4 can not be used') as string },
    ]);
    const newest = (await stage.anchors()).at(-1);
    if (newest === undefined) throw new Error('no anchor');
    expect(await stage.verify(newest)).toMatchObject({ problems: [] });
  });

  test('makes one when several processes run it at once, and leaves nothing of the others', async () => {
    // At one instant, in one directory: whoever comes second leaves it to the first. A bit later, or elsewhere: one row is there.
    const elsewhere = await AnchorStage.open(h.db, h.infra);
    const slot = '2026-01-31T12';
    const runs = await Promise.allSettled([stage.run(slot), stage.run(slot), elsewhere.run(slot)]);
    for (const run of runs) {
      if (run.status === 'rejected') expect(run.reason).toMatchObject({ reason: 'CONTENTION' });
    }
    const [row, ...others] = await stored();
    expect({ row, others }).toMatchObject({ row: { number: 1 }, others: [] });
    const sides = [stage, elsewhere];
    const files = await Promise.all(sides.map(({ dir }) => readdir(dir)));
    expect(files.flat().filter((name) => name.endsWith('.leaves.gz'))).toHaveLength(1);
    expect(files.flat().filter((name) => name.endsWith('.part'))).toEqual([]);
    const winner = sides[files.findIndex((names) => names.some((name) => name.endsWith('.leaves.gz')))];
    const [signed] = (await winner?.anchors()) ?? [];
    if (winner === undefined || signed === undefined) throw new Error('no anchor');
    expect(await winner.verify(signed)).toMatchObject({ problems: [] });
    await elsewhere.close();
  });

  test('sees one moment of a database in use: every anchor made under load is proved', async () => {
    const userIds = await Promise.all([0, 1, 2].map(async () => (await registerMember(h)).userId));
    let isOver = false;
    const load = Promise.all(
      userIds.map(async (userId) => {
        for (let n = 0; !isOver; n += 1) await consume(h, { userId, requestId: `load-${n}` });
      }),
    );
    for (let times = 0; times < 4; times += 1) await nextHour();
    isOver = true;
    await load;
    const made = await stage.anchors();
    expect(made).toHaveLength(4);
    for (const signed of made) expect(await stage.verify(signed)).toMatchObject({ problems: [] });
    expect(await openAlerts()).toEqual([]);
  });

  test('makes none without a directory: nobody could prove anything by it', async () => {
    await stage.run('2026-01-31T12', null);
    expect(await stored()).toEqual([]);
  });

  test('tells at once of a user who is gone, a log that is not what it was, and lost rows; and goes on', async () => {
    const [gone, rewritten] = [await registerUser(h), (await registerMember(h)).userId];
    await nextHour();
    await mustSucceed(consume(h, { userId: rewritten, requestId: 'c-1' }));
    await root.query('CREATE TEMPORARY TABLE kept_user AS SELECT * FROM users WHERE id = ?', [gone]);
    await root.query('DELETE FROM users WHERE id = ?', [gone]);
    await root.query('DROP TRIGGER IF EXISTS quota_logs_no_update');
    const flip = 'UPDATE quota_logs SET hash = UNHEX(SHA2(hash, 256)) WHERE user_id = ? AND sequence = 2';
    await root.query('CREATE TEMPORARY TABLE kept_row AS SELECT * FROM quota_logs WHERE user_id = ?', [rewritten]);
    await root.query(flip, [rewritten]);
    try {
      await nextHour();
    } finally {
      await root.query('INSERT INTO users SELECT * FROM kept_user');
      await root.query('UPDATE quota_logs l JOIN kept_row k USING (user_id, sequence) SET l.hash = k.hash');
      await root.query('DROP TEMPORARY TABLE kept_user, kept_row');
    }
    const [alert, ...more] = await openAlerts();
    expect(more).toEqual([]);
    expect(alert).toMatchObject({ subject_id: '2', severity: 'critical' });
    const details = JSON.parse(String(alert?.['details'])) as Record<string, unknown>;
    expect(details).toMatchObject({ problems: 3, first_problem: expect.stringMatching(/gone|rewritten/) as string });
    expect(stage.lines).toContainEqual(
      expect.objectContaining({ msg: 'an alert was opened', kind: 'anchor_conflict' }),
    );
    // Everything is back: the first anchor, from before, proves it.
    const [first, second] = await stage.anchors();
    if (first === undefined) throw new Error('no anchor');
    expect(await stage.verify(first)).toMatchObject({ problems: [] });
    expect(second?.anchor).toMatchObject({ number: 2, users: { count: first.anchor.users.count - 1 } });
  });

  test('tells of an anchor that the database has lost or changed', async () => {
    await nextHour();
    await nextHour();
    await root.query('DELETE FROM audit_anchors WHERE number = 2');
    await nextHour();
    const [alert] = await openAlerts();
    expect(alert).toMatchObject({ subject_id: '2' });
    expect(alert?.['details']).toContain('is not in the database');
    await root.query(
      'UPDATE audit_anchors SET document = REPLACE(document, \'"count":\', \'"count":1\') WHERE number = 2',
    );
    await nextHour();
    const found = (await openAlerts()).find(({ subject_id }) => subject_id === '3');
    expect(found?.['details']).toContain('is not as it was signed in the database');
  });

  describe('hands anchors out', () => {
    const secrets = [0, 1].map(() => `whsec_${randomBytes(24).toString('base64')}`);
    let receiver: HttpReceiver;
    beforeEach(async () => {
      receiver = await startHttpReceiver();
      stage.webhook = openAnchorWebhook({ url: receiver.url, secrets, timeoutMs: 2_000, clock: systemClock });
    });
    afterEach(() => receiver.close());

    test('to the webhook as they are in their files, signed with every secret', async () => {
      await nextHour();
      const [signed] = await stage.anchors();
      if (signed === undefined) throw new Error('no anchor');
      expect(receiver.received).toHaveLength(1);
      const { headers, body } = receiver.received[0]!;
      expect(body).toBe(anchorFileText(signed));
      const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signature } = headers;
      expect(id).toMatch(/^anchor-00000001-\d{8}T\d{9}Z$/);
      const expected = secrets.map((secret) => {
        const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
        return `v1,${createHmac('sha256', key)
          .update(`${String(id)}.${String(time)}.${body}`)
          .digest('base64')}`;
      });
      expect(signature).toBe(expected.join(' '));
    });

    test('again until the webhook takes them, in order, while files do not wait (lesson 40)', async () => {
      receiver.answer = { status: 503, body: '' };
      await expect(nextHour()).rejects.toThrow('HTTP 503');
      expect(await stage.anchors()).toHaveLength(1);
      expect(await stored()).toMatchObject([{ number: 1, export_time: null }]);
      hour += 1;
      stage.clock.advanceMs(HOUR_MS);
      await expect(nextHour()).rejects.toThrow('HTTP 503');
      // Made, and in its file, but not delivered.
      expect(await stage.anchors()).toHaveLength(2);
      expect((await stored()).map(({ export_time }) => export_time)).toEqual([null, null]);
      receiver.received.length = 0;
      receiver.answer = { status: 200, body: '' };
      // The same hour, tried again: no new anchor.
      await stage.run(`2026-01-31T${hour}`);
      const ids = receiver.received.map(({ headers }) => String(headers['webhook-id']).slice(0, 15));
      expect(ids).toEqual(['anchor-00000001', 'anchor-00000002']);
      expect((await stored()).every(({ export_time }) => export_time !== null)).toBe(true);
    });

    test('whose file was lost before anybody was told: it is written again from the copy', async () => {
      receiver.answer = { status: 503, body: '' };
      await expect(stage.run('2026-01-31T12')).rejects.toThrow();
      const [name = ''] = (await readdir(stage.dir)).filter((file) => file.endsWith('.json'));
      const text = await readFile(join(stage.dir, name), 'utf8');
      await rm(join(stage.dir, name));
      receiver.answer = { status: 200, body: '' };
      await stage.run('2026-01-31T12');
      expect(await readFile(join(stage.dir, name), 'utf8')).toBe(text);
    });
  });

  test('refuses, in the database, an anchor that does not follow, and any change of one', async () => {
    await nextHour();
    const copy = (number: number, previous: string) =>
      h.db.query(
        `INSERT INTO audit_anchors (number, slot, hash, previous_hash, root, document, signature, create_time)
         SELECT ?, 'x', UNHEX(SHA2('x', 256)), ${previous}, root, document, signature, create_time FROM audit_anchors`,
        [number],
        'app',
      );
    await expect(copy(2, "UNHEX(SHA2('y', 256))")).rejects.toThrow('an anchor names the one before');
    await expect(copy(3, 'hash')).rejects.toThrow('an anchor names the one before');
    await expect(copy(2, 'NULL')).rejects.toThrow();
    await expect(h.db.query('DELETE FROM audit_anchors', [], 'app')).rejects.toThrow(/denied/);
    await expect(h.db.query("UPDATE audit_anchors SET slot = 'y'", [], 'app')).rejects.toThrow(/denied/);
  });
});
