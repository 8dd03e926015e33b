import { writeFileSync } from 'node:fs';
import { KeyRotationState } from '../../../src/gen/billing/v1/privacy_service.pb';
import { createFieldCipher } from '../../../src/platform/crypto/field-cipher';
import { createKeyRing, type KeyRing } from '../../../src/platform/crypto/key-ring';
import { loadConfig } from '../../../src/platform/config';
import { createLogger } from '../../../src/platform/log';
import { measureSealedValues } from '../../../src/privacy/measure-sealed-values.job';
import { countSealedBy, replaceSealed, SEALED_COLUMNS } from '../../../src/privacy/sealed-values.queries';
import { startService } from '../../../src/service';
import { mustSucceed } from '../../support/clients';
import { changed, newId, serviceEnvironment, startHarness, until, type Harness } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { makeKeyFile, type KeyFile } from '../../support/key-file';
import { metric } from '../../support/observe';
import { rotate, rotationStatus, sealedBy } from '../../support/privacy-calls';
import { errnoOf } from '../../support/schema-facts';
import { insertPayers, openEverything, SEALED } from '../../support/sealed-rows';
import { openServiceDatabase } from '../../support/service-database';

const TRIGGER = 1644;
const UNREADABLE_PAUSE_MS = 600_000;
const TRANSACTION_MS = 5_000;

/** R11.2: data keys are replaced while the service runs. Rotation under load and through kills: test/fault/keys-rotated.test.ts. */
describe('a rotation of the data keys', () => {
  let h: Harness;
  let file: KeyFile;
  beforeAll(async () => {
    file = makeKeyFile(readInfra().dataKeys);
    h = await startHarness({ DATA_KEYS_FILE: file.path, SECRET_FILES_POLL_MS: '500' });
    await insertPayers(h.db, file.cipher('k1'), 'ROTATE', 450);
  });
  afterAll(async () => {
    await h.stop();
    file.remove();
  });

  const stateOf = async (rotationId = '') => (await rotationStatus(h, rotationId)).rotation?.state;
  const untilDone = (rotationId = '') => {
    // What was sealed right before the ring changed is committed by then.
    h.clock.advanceMs(TRANSACTION_MS);
    return until('the rotation is done', async () => (await stateOf(rotationId)) === KeyRotationState.DONE);
  };
  const rotations = () => h.db.query('SELECT id, key_id, state FROM key_rotations ORDER BY id');
  const isUnreadable = async () =>
    (await h.db.query("SELECT 1 FROM alerts WHERE kind = 'sealed_values_unreadable'")).length > 0;

  test('covers every column of sealed values that the schema has', async () => {
    const rows = await h.db.query(
      `SELECT CONCAT(table_name, '.', column_name) AS name FROM information_schema.columns
       WHERE table_schema = ? AND column_name LIKE 'sealed\\_%' AND data_type LIKE '%blob' ORDER BY 1`,
      [h.db.name],
    );
    const known = SEALED.map(({ table, column }) => `${table}.${column}`);
    expect(rows.map((row) => row['name'])).toEqual(known);
    expect(SEALED_COLUMNS).toEqual(SEALED);
  });

  test('has not been, before one is asked for; what each key seals is told', async () => {
    const { rotation, keys } = await rotationStatus(h);
    expect(rotation).toBeUndefined();
    expect(keys).toEqual([
      { keyId: 'k1', inRing: true, seals: true, columns: [{ column: 'order_payers.sealed_payer', values: 450 }] },
    ]);
  });

  test('to a key that is not the first is refused, and writes nothing', async () => {
    for (const keyId of ['k2', 'k0']) {
      expect(await rotate(h, keyId)).toMatchObject({ ok: false, reason: 'INVALID_REQUEST', fields: ['key_id'] });
    }
    expect(await rotations()).toEqual([]);
  });

  test('that is not known is KEY_ROTATION_NOT_FOUND', async () => {
    await expect(rotationStatus(h, 'no-such')).rejects.toThrow('KEY_ROTATION_NOT_FOUND');
  });

  test('seals everything anew with the key that was put first a moment ago; a repeat is the same rotation (lesson 6)', async () => {
    file.write('k2', 'k1');
    const requestId = newId('rotate');
    const first = await mustSucceed(rotate(h, 'k2', requestId));
    expect(first).toMatchObject({ replayed: false, rotation: { keyId: 'k2', state: KeyRotationState.RUNNING } });
    expect(first.rotation?.requestedBy).toBe('spiffe://billing/operations/operations');
    expect(await rotate(h, 'k2')).toMatchObject({ ok: false, reason: 'KEY_ROTATION_RUNNING' });
    expect(await rotate(h, '', requestId)).toMatchObject({ ok: false, reason: 'REQUEST_ID_REUSED' });
    await untilDone();
    const again = await mustSucceed(rotate(h, 'k2', requestId));
    expect(again).toMatchObject({ replayed: true, rotation: { state: KeyRotationState.DONE } });
    expect(again.rotation?.columns).toEqual([
      { column: 'order_payers.sealed_payer', resealed: 450, unreadable: 0, remaining: 0 },
      { column: 'wechatpay_notification_bodies.sealed_body', resealed: 0, unreadable: 0, remaining: 0 },
    ]);
    const opened = await openEverything(h.db, file.cipher('k2'));
    expect(
      opened.filter(({ keyId, place, text }) => keyId === 'k2' && text === `payer of ${place.split(' ')[1]}`),
    ).toHaveLength(450);
    expect(await sealedBy(h)).toEqual({ k2: 450, k1: 0 });
    const audits = await h.db.query(
      "SELECT action, actor FROM audit_logs WHERE subject_type = 'key_rotation' AND subject_id = ? ORDER BY id",
      [first.rotation?.rotationId],
    );
    expect(audits).toEqual([
      { action: 'RotateDataKeys', actor: 'spiffe://billing/operations/operations' },
      { action: 'EndKeyRotation', actor: expect.stringContaining('system') as unknown },
    ]);
  });

  test('writes in the place of the very bytes that were read, never over what was written since (lesson 14)', async () => {
    const read = () => h.db.query('SELECT order_id AS id, sealed_payer AS sealed FROM order_payers ORDER BY 1 LIMIT 1');
    const [row] = await read();
    const [id, sealed] = [String(row?.['id']), row?.['sealed'] as Buffer];
    const payers = SEALED_COLUMNS.find(({ table }) => table === 'order_payers');
    if (payers === undefined) throw new Error('payers are sealed');
    const db = openServiceDatabase(h.infra, h.db);
    const writeOver = (old: Buffer) =>
      replaceSealed(db.knex, payers, [{ value: { id, keyId: 'k2', sealed: old }, sealed: Buffer.from('later') }]);
    expect(await writeOver(Buffer.concat([sealed, sealed]))).toBe(0);
    // Over the bytes that are there it is a change, which the database refuses while no rotation runs.
    await expect(writeOver(sealed)).rejects.toMatchObject({ errno: TRIGGER });
    expect(await read()).toEqual([row]);
    await db.knex.destroy();
  });

  test('is not over before every process has read the ring, and what was sealed before is committed', async () => {
    const [row] = await h.db.query(
      'SELECT TIMESTAMPDIFF(MICROSECOND, create_time, end_time) AS took FROM key_rotations',
    );
    expect(Number(row?.['took'])).toBeGreaterThanOrEqual((2 * 500 + TRANSACTION_MS) * 1_000);
  });

  test('to another key takes the place of the one that runs, and seals what that one sealed as well', async () => {
    await insertPayers(h.db, file.cipher('k2'), 'AGAIN', 300);
    file.write('k3', 'k2');
    const { rotation: third } = await mustSucceed(rotate(h, 'k3'));
    file.write('k4', 'k3', 'k2');
    const { rotation: fourth } = await mustSucceed(rotate(h, 'k4'));
    expect(await stateOf(third?.rotationId)).toBe(KeyRotationState.SUPERSEDED);
    await untilDone(fourth?.rotationId);
    expect((await openEverything(h.db, file.cipher('k4'))).length).toBe(750);
    expect(await sealedBy(h)).toEqual({ k4: 750, k3: 0, k2: 0 });
  });

  test('leaves what no key opens, tells people, does not end, and goes on when the key is back', async () => {
    await insertPayers(h.db, file.cipher('k9'), 'LOST', 3);
    await insertPayers(h.db, file.cipher('k3'), 'FOUND', 205);
    file.write('k5', 'k4', 'k3');
    const { rotation } = await mustSucceed(rotate(h, 'k5'));
    await until('the alert', isUnreadable);
    expect(await sealedBy(h)).toMatchObject({ k5: 955, k4: 0, k3: 0, k9: 3 });
    const [payers] = (await rotationStatus(h)).rotation?.columns ?? [];
    expect(payers).toMatchObject({ resealed: 955, unreadable: 3, remaining: 3 });
    expect(await stateOf()).toBe(KeyRotationState.RUNNING);
    file.write('k5', 'k4', 'k3', 'k9');
    h.clock.advanceMs(UNREADABLE_PAUSE_MS);
    await untilDone(rotation?.rotationId);
    const [alert] = await h.db.query("SELECT resolution, details FROM alerts WHERE kind = 'sealed_values_unreadable'");
    expect(alert).toEqual({ resolution: 'all_open', details: '{"values":3}' });
    expect((await openEverything(h.db, file.cipher('k5'))).length).toBe(958);
  });

  test('of which nothing is under an old key, lets that key go', async () => {
    file.write('k5');
    await until('the ring is read', async () => (await rotationStatus(h)).keys.length === 1);
    const db = openServiceDatabase(h.infra, h.db);
    expect([await countSealedBy(db.knex, 'k4'), await countSealedBy(db.knex, 'k5')]).toEqual([0, 958]);
    await db.knex.destroy();
  });

  test('a file that can not be used changes nothing, and is complained of once', async () => {
    const refused = () => metric(h, 'billing_secret_reloads_total', { setting: 'DATA_KEYS', outcome: 'refused' });
    writeFileSync(file.path, 'k5:short');
    await until('it was looked at', async () => (await refused()) === 1);
    expect((await rotationStatus(h)).keys.map(({ keyId }) => keyId)).toEqual(['k5']);
    const lines = h.logs.filter(({ setting }) => setting === 'DATA_KEYS');
    expect(lines).toHaveLength(1);
    expect(JSON.stringify(lines)).not.toContain('k5:short');
    file.write('k5');
  });

  test('other bytes under a known id are refused by a process that runs, and let none start', async () => {
    const refused = () => metric(h, 'billing_secret_reloads_total', { setting: 'DATA_KEYS', outcome: 'refused' });
    const before = await refused();
    const other = `k5:${Buffer.alloc(32, 9).toString('base64')}`;
    writeFileSync(file.path, other);
    await until('it was looked at', async () => (await refused()) === before + 1);
    expect((await openEverything(h.db, file.cipher('k5'))).length).toBe(958);
    const settings = changed(serviceEnvironment(h.infra, h.db.url, h.simulatorUrl), { DATA_KEYS: other });
    const log = createLogger({ level: 'silent', role: 'all' });
    const start = () => startService(loadConfig(settings), log);
    await expect(start()).rejects.toThrow('DATA_KEYS: k5 opens nothing that was sealed under its id');
    file.write('k5');
    await until('it was looked at', async () => (await rotationStatus(h)).keys.length === 1);
  });

  test('a key that seals something and is not in the ring is told to people, until it is back', async () => {
    const db = openServiceDatabase(h.infra, h.db);
    const log = createLogger({ level: 'silent', role: 'worker' });
    const ring = createKeyRing([{ id: 'k6', key: Buffer.alloc(32, 6) }]);
    // The bytes of k5 are not those that sealed.
    const other = createKeyRing([{ id: 'k5', key: Buffer.alloc(32, 5) }]);
    const told: Record<string, number> = {};
    const parts = {
      db,
      log,
      clock: h.clock,
      onMeasured: (column: string, n: number) => void (told[column] = n),
    };
    const measure = (keyRing: KeyRing, cipher = createFieldCipher(keyRing)) =>
      measureSealedValues({ ...parts, keyRing, cipher })();
    await measure(ring);
    expect(told).toMatchObject({ 'order_payers.sealed_payer': 958 });
    const alerts = () =>
      h.db.query(
        "SELECT subject_id, JSON_VALUE(details, '$.why') AS why, resolution FROM alerts WHERE kind = 'data_key_missing' ORDER BY open_time DESC, id DESC LIMIT 1",
      );
    // Not whether it is open: the service, whose ring has the key, may have looked since.
    expect(await alerts()).toMatchObject([{ subject_id: 'k5', why: 'not_in_the_ring' }]);
    await measure(other);
    expect(await alerts()).toMatchObject([{ subject_id: 'k5', why: 'other_bytes' }]);
    await measure(other, file.cipher('k5'));
    expect(await alerts()).toEqual([{ subject_id: 'k5', why: 'other_bytes', resolution: 'in_the_ring' }]);
    await db.knex.destroy();
  });

  test('the database lets no sealed value change while none runs, nor one to another key, nor the name of a key', async () => {
    const forged = (keyId: string): Buffer =>
      createFieldCipher([{ id: keyId, key: Buffer.alloc(32, 1) }]).encrypt('x', {
        table: 'a',
        column: 'b',
        primaryKey: 'c',
      });
    const change = (keyId: string) =>
      errnoOf(h.db, 'UPDATE order_payers SET sealed_payer = ? LIMIT 1', 'app', [forged(keyId)]);
    expect(await change('k5')).toBe(TRIGGER);
    file.write('k7', 'k5');
    await mustSucceed(rotate(h, 'k7'));
    expect(await change('k6')).toBe(TRIGGER);
    await untilDone();
    expect(await errnoOf(h.db, "UPDATE order_payers SET sealed_key = 'k1' LIMIT 1", 'root')).toBe(TRIGGER);
    for (const { table } of SEALED) {
      expect(await errnoOf(h.db, `UPDATE ${table} SET sealed_key = 'k1'`, 'app')).toBe(1143);
    }
  });
});
