import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { Connection } from 'mysql2/promise';
import { checkLinks, openAnchorWebhook, verifyEvidence } from '../../../../src/audit';
import {
  nameOf,
  signAnchor,
  type AnchorDocument,
  type SignedAnchor,
} from '../../../../src/audit/anchor/anchor-document';
import { ListAnchorsRequest } from '../../../../src/gen/billing/v1/audit_anchor.pb';
import { systemClock } from '../../../../src/platform/clock';
import { createSigner, createVerifier } from '../../../../src/platform/crypto/signing';
import { AnchorStage } from '../../../support/anchor-stage';
import { newSigner } from '../../../support/anchors';
import { call, mustSucceed } from '../../../support/clients';
import { auditVerifier, fetchEvidence } from '../../../support/evidence-calls';
import { registerMember, registerUser, startHarness, type Harness } from '../../../support/harness';
import { startHttpReceiver } from '../../../support/http-receiver';
import { TestClock } from '../../../support/test-clock';

const HOUR_MS = 3_600_000;

/** Issue 7, anchor: whoever has the account of the service can insert rows of anchors, and can sign none. */
describe('an anchor that somebody forged', () => {
  let h: Harness;
  let stage: AnchorStage;
  let root: Connection;
  let hour: number;

  beforeAll(async () => {
    h = await startHarness();
    root = await h.db.connect('root');
    for (const trigger of ['audit_anchors_no_delete', 'quota_logs_no_update', 'audit_chain_no_update']) {
      await root.query(`DROP TRIGGER ${trigger}`);
    }
  }, 60_000);
  beforeEach(async () => {
    await root.query('DELETE FROM audit_anchors');
    await root.query("UPDATE alerts SET resolve_time = open_time, resolution = 'test' WHERE resolve_time IS NULL");
    const clock = new TestClock();
    clock.stopAt(new Date('2026-01-31T04:10:00.000Z'));
    stage = await AnchorStage.open(h.db, h.infra, clock);
    hour = 12;
  });
  afterEach(() => stage.close());
  afterAll(async () => {
    await root.end();
    await h.stop();
  });

  const slotNow = () => `2026-01-31T${hour}`;
  /** Runs the job for the next hour, an hour later. */
  async function nextHour(): Promise<void> {
    await stage.run(slotNow());
    hour += 1;
    stage.clock.advanceMs(HOUR_MS);
  }
  /** The problems of the anchors since the first; the first of each. */
  const toldOf = async () => {
    const sql =
      "SELECT subject_id, details FROM alerts WHERE kind = 'anchor_conflict' AND resolve_time IS NULL ORDER BY id";
    return (await h.db.query(sql)).map(({ subject_id: anchor, details }) => {
      const { problems, first_subject, first_problem } = JSON.parse(String(details)) as Record<string, unknown>;
      return { anchor: Number(anchor), problems, first: `${String(first_subject)} ${String(first_problem)}` };
    });
  };

  /** Puts a row after the last, as whoever has the account of the service can. */
  async function insert({ anchor, document, hash, signature }: SignedAnchor, row: Record<string, unknown> = {}) {
    const [last] = await h.db.query('SELECT number, hash FROM audit_anchors ORDER BY number DESC LIMIT 1');
    const columns = {
      ...{ number: Number(last?.['number']) + 1, previous_hash: last?.['hash'], root: Buffer.alloc(32) },
      ...{
        slot: anchor.slot,
        hash,
        document,
        signature,
        create_time: new Date(anchor.time),
        export_time: null,
        ...row,
      },
    };
    const names = Object.keys(columns);
    const sql = `INSERT INTO audit_anchors (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`;
    await h.db.query(sql, Object.values(columns), 'app');
  }

  /** Signs what follows the last anchor with a key of the forger's own. */
  async function forge(fields: Partial<AnchorDocument>): Promise<SignedAnchor> {
    const [row] = await h.db.query('SELECT number, hash, document FROM audit_anchors ORDER BY number DESC LIMIT 1');
    const last = JSON.parse(String(row?.['document'])) as AnchorDocument;
    const number = Number(row?.['number']);
    const previous = { number, sha256: (row?.['hash'] as Buffer).toString('hex') };
    const signer = newSigner();
    return signAnchor(signer, { ...last, number: number + 1, previous, key_id: signer.keyId, ...fields });
  }

  test('of the end of time stops no anchor: the next are made, compared with the last that is good, and told of it once', async () => {
    await registerMember(h);
    await nextHour();
    await insert(await forge({ slot: '9999-12-31T23', time: '9999-01-01T00:00:00.000Z' }), {
      export_time: new Date('2026-01-31T04:20:00.000Z'),
    });
    await nextHour();
    await nextHour();
    const made = await stage.anchors();
    expect(made.map(({ anchor: { number, leaves } }) => [number, leaves.kind])).toEqual([
      ...[
        [1, 'full'],
        [3, 'full'],
        [4, 'delta'],
      ],
    ]);
    for (const signed of made) expect(await stage.verify(signed)).toMatchObject({ problems: [] });
    // The forged row is named, because the database wants it, and does not cut the chain.
    const { believed, previous } = made[1]?.anchor ?? {};
    expect([believed, previous?.number]).toEqual([made[0] && nameOf(made[0]), 2]);
    const newest = made.at(-1);
    expect(newest && (await checkLinks(stage.dir, newest, [createVerifier(stage.signer.publicKeyPem)]))).toEqual({
      ...{ links: 2, oldest: 1, problems: [] },
    });
    const first = 'anchor 2 was signed in the database with a key that is not known';
    expect(await toldOf()).toEqual([{ anchor: 3, problems: 1, first }]);
  });

  test('of the hour that begins takes no hour, and hides nothing that was altered behind it', async () => {
    const { userId } = await registerMember(h);
    await stage.untilSealed();
    await nextHour();
    await insert(await forge({ slot: slotNow(), time: stage.clock.now().toISOString() }));
    const [end] = await h.db.query('SELECT position, hash FROM audit_chain ORDER BY position DESC LIMIT 1');
    await root.query('CREATE TEMPORARY TABLE kept AS SELECT * FROM quota_logs WHERE user_id = ?', [userId]);
    await root.query('UPDATE users SET log_hash = UNHEX(SHA2(log_hash, 256)) WHERE id = ?', [userId]);
    await root.query('UPDATE audit_chain SET hash = UNHEX(SHA2(hash, 256)) WHERE position = ?', [end?.['position']]);
    try {
      await nextHour();
    } finally {
      await root.query(
        'UPDATE users u JOIN kept k ON k.user_id = u.id AND k.sequence = u.log_sequence SET u.log_hash = k.hash',
      );
      await root.query('UPDATE audit_chain SET hash = ? WHERE position = ?', [end?.['hash'], end?.['position']]);
      await root.query('DROP TEMPORARY TABLE kept');
    }
    expect((await stage.anchors()).map(({ anchor: { number, slot } }) => [number, slot])).toEqual([
      [1, '2026-01-31T12'],
      [3, '2026-01-31T13'],
    ]);
    // The row, the user's log and the audit log.
    expect(await toldOf()).toMatchObject([{ anchor: 3, problems: 3 }]);
  });

  test('is never handed out, however many there are, and whatever they hold; ours are', async () => {
    const receiver = await startHttpReceiver();
    const secrets = [`whsec_${randomBytes(24).toString('base64')}`];
    stage.webhook = openAnchorWebhook({ url: receiver.url, secrets, timeoutMs: 2_000, clock: systemClock });
    await nextHour();
    await insert(await forge({}), { document: '{}' });
    const [ours] = await stage.anchors();
    if (ours === undefined) throw new Error('no anchor');
    // A good one, under a number that it was not made for.
    await insert(ours, { hash: Buffer.alloc(32, 1), slot: 'again' });
    for (let n = 0; n < 60; n += 1) await insert({ ...ours, hash: Buffer.alloc(32, n + 2) });
    await nextHour();
    expect((await stage.anchors()).map(({ anchor }) => anchor.number)).toEqual([1, 64]);
    expect(receiver.received.map(({ headers }) => String(headers['webhook-id']).slice(0, 15))).toEqual([
      ...['anchor-00000001', 'anchor-00000064'],
    ]);
    expect(await toldOf()).toMatchObject([{ anchor: 64, problems: 62 }]);
    await receiver.close();
    // The auditor's list shows them all.
    const { audit } = h.as('auditor');
    const list = await mustSucceed(call(audit.listAnchors.bind(audit), ListAnchorsRequest.create({ pageSize: 200 })));
    expect(list.anchors).toHaveLength(64);
    expect(list.anchors.find(({ number }) => number === 2)).toMatchObject({ document: '{}', keyId: '', users: 0 });
  });

  test('spoils no evidence: what is exported holds the newest that is ours', async () => {
    const userId = await registerUser(h);
    stage.signer = createSigner(h.infra.auditSigningKey);
    const verifier = auditVerifier(h);
    const exported = async () => verifyEvidence(await fetchEvidence(h, { userId }), [verifier]);
    const own = { problems: [], anchor: { number: 1, signature: 'good' } };
    await nextHour();
    expect(await exported()).toMatchObject(own);
    // In the name of our key, and in that of another.
    for (const keyId of [stage.signer.keyId, 'f'.repeat(16)]) {
      await insert(await forge({ key_id: keyId }));
      expect(await exported()).toMatchObject(own);
    }
  });

  test('or one made while a clock was wrong, stops nothing either', async () => {
    await nextHour();
    stage.clock.advanceMs(365 * 24 * HOUR_MS);
    await stage.run('2027-01-31T13');
    stage.clock.advanceMs(-365 * 24 * HOUR_MS);
    await nextHour();
    expect((await stage.anchors()).map(({ anchor }) => anchor.slot)).toEqual([
      ...['2026-01-31T12', '2027-01-31T13', '2026-01-31T13'],
    ]);
    expect(await toldOf()).toMatchObject([{ anchor: 3, first: 'anchor 2 says that it was made later than now' }]);
  });

  test('is not the same as one of a key that signed before, where that is known', async () => {
    await registerUser(h);
    await nextHour();
    const old = stage.signer;
    stage.signer = newSigner();
    stage.earlierKeys = [old.publicKeyPem];
    await nextHour();
    expect((await stage.anchors()).map(({ anchor }) => [anchor.key_id, anchor.leaves.kind])).toEqual([
      [old.keyId, 'full'],
      [stage.signer.keyId, 'delta'],
    ]);
    expect(await toldOf()).toEqual([]);
    stage.signer = newSigner();
    stage.earlierKeys = [];
    await nextHour();
    expect(await toldOf()).toMatchObject([
      { anchor: 3, first: expect.stringContaining('a key that is not known') as string },
    ]);
  });

  test('is told from one whose leaves are lost: people are told, and all but the users is still compared', async () => {
    await registerUser(h);
    await stage.untilSealed();
    await nextHour();
    const [first] = await stage.anchors();
    if (first === undefined) throw new Error('no anchor');
    await writeFile(stage.leavesOf(first), 'damaged');
    const { position } = first.anchor.audit;
    const flip = 'UPDATE audit_chain SET hash = ? WHERE position = ?';
    await root.query(flip, [Buffer.alloc(32, 7), position]);
    try {
      await nextHour();
    } finally {
      await root.query(flip, [Buffer.from(first.anchor.audit.hash, 'hex'), position]);
    }
    const leaves = expect.stringContaining('The leaves of anchor 1 can not be used') as string;
    expect(await toldOf()).toMatchObject([{ anchor: 2, problems: 2, first: leaves }]);
  });
});
