import { ErasureState, KeyRotationState } from '../../../src/gen/billing/v1/privacy_service.pb';
import type { Identity } from '../../support/clients';
import { billingAs, type Ended } from '../../support/command';
import { newId, registerUser, startHarness, until, type Harness } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { makeKeyFile, type KeyFile } from '../../support/key-file';
import { readErasure, rotationStatus } from '../../support/privacy-calls';
import { insertPayers } from '../../support/sealed-rows';

let h: Harness;
let file: KeyFile;
beforeAll(async () => {
  file = makeKeyFile(readInfra().dataKeys);
  h = await startHarness({ DATA_KEYS_FILE: file.path, SECRET_FILES_POLL_MS: '100' });
});
afterAll(async () => {
  await h.stop();
  file.remove();
});

const run = (identity: Identity, ...words: string[]): Promise<Ended> => billingAs(h, identity, ['--json', ...words]);

async function shown<Shown = Record<string, unknown>>(identity: Identity, ...words: string[]): Promise<Shown> {
  const { code, stdout, stderr } = await run(identity, ...words);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Shown;
}

/** docs/keys.md, as an operator does it. */
describe('billing keys', () => {
  test('rotates to the key that was put first, and shows how far it is and what each key seals', async () => {
    await insertPayers(h.db, file.cipher('k1'), 'CLI', 3);
    expect(await shown('auditor', 'keys', 'status')).toMatchObject({
      rotation_id: '',
      columns: [],
      keys: [{ key: 'k1', role: 'seals', column: 'order_payers.sealed_payer', values: 3 }],
    });
    expect(await run('operations', 'keys', 'rotate', '--to', 'k2')).toMatchObject({ code: 1 });
    file.write('k2', 'k1');
    const started = await shown('operations', 'keys', 'rotate', '--to', 'k2', '--request-id', 'r-1');
    expect(started).toMatchObject({ request_id: 'r-1', replayed: false, key_id: 'k2', state: 'RUNNING' });
    // It lasts at least as long as a transaction may.
    h.clock.advanceMs(5_000);
    await until('it is done', async () => (await rotationStatus(h)).rotation?.state === KeyRotationState.DONE);
    expect(await shown('auditor', 'keys', 'status', String(started['rotation_id']))).toMatchObject({
      columns: [
        { column: 'order_payers.sealed_payer', resealed: 3, unreadable: 0, remaining: 0 },
        { column: 'wechatpay_notification_bodies.sealed_body', resealed: 0, unreadable: 0, remaining: 0 },
      ],
      keys: [
        { key: 'k2', role: 'seals', column: 'order_payers.sealed_payer', values: 3 },
        { key: 'k1', role: 'opens', column: '', values: 0 },
      ],
    });
    const refused = await run('finance', 'keys', 'rotate');
    expect(JSON.parse(refused.stderr)).toMatchObject({ reason: 'CALLER_NOT_ALLOWED' });
  });
});

describe('billing user', () => {
  test('erases what two people agree to erase, and shows what became of it', async () => {
    const userId = await registerUser(h);
    const proposed = await shown('operations', 'user', 'erase', userId, '--reason', 'request 114');
    const erasureId = String(proposed['erasure_id']);
    expect(proposed).toMatchObject({ user_id: userId, state: 'PROPOSED', reason: 'request 114', replayed: false });
    const alone = await run('operations', 'user', 'approve-erasure', erasureId);
    expect(JSON.parse(alone.stderr)).toMatchObject({ reason: 'SECOND_PERSON_REQUIRED' });
    const id = newId('request');
    const approved = await shown('operations-2', 'user', 'approve-erasure', erasureId, '--request-id', id);
    expect(approved).toMatchObject({ request_id: id, decided_by: 'spiffe://billing/operations/operations-2' });
    await until('it is done', async () => (await readErasure(h, erasureId)).state === ErasureState.DONE);
    expect(await shown('auditor', 'user', 'erasure', erasureId)).toMatchObject({ state: 'DONE', payers: 0 });
    const list = await shown<object[]>('auditor', 'user', 'erasures', '--state', 'done', '--user', userId);
    expect(list).toMatchObject([{ erasure: erasureId, user: userId, state: 'DONE' }]);
  });

  test('ends a proposal', async () => {
    const userId = await registerUser(h);
    const { erasure_id: erasureId } = await shown('operations', 'user', 'erase', userId, '--reason', 'by mistake');
    expect(await shown('operations', 'user', 'reject-erasure', String(erasureId))).toMatchObject({ state: 'REJECTED' });
  });
});
