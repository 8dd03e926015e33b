import { contentHash } from '../../../src/platform/request-content';
import { createBlindIndex } from '../../../src/platform/crypto/blind-index';
import { verifyLedgerOf } from '../../../src/cli/verify-ledger';
import { monotonicMs } from '../../../src/platform/clock';
import { mustSucceed } from '../../support/clients';
import { consume, createOrder, newId, startHarness, type Harness } from '../../support/harness';
import { getQuota } from '../../support/quota-calls';
import { outcomeOf, registerWith } from '../../support/registrations';
import { errnoOf } from '../../support/schema-facts';
import { expectBalanced, readUserRows } from '../../support/user-rows';

let h: Harness;
beforeAll(async () => {
  // A busy machine must not turn waiting for a connection into a refusal.
  h = await startHarness({ DATABASE_ACQUIRE_TIMEOUT_MS: '20000' });
});
afterAll(() => h.stop());

/** Registers a new user and tells how it ended. */
async function outcomeWith(identityHashes: readonly string[], userId = newId('u')): Promise<string> {
  return outcomeOf(await mustSucceed(registerWith(h, userId, identityHashes)));
}

const grantsOf = (userId: string) => h.db.query('SELECT 1 FROM quota_grants WHERE user_id = ?', [userId]);
const identitiesOf = (userId: string) =>
  h.db.query('SELECT identity_index FROM user_identities WHERE user_id = ?', [userId]);

/** R1.3: whoever makes many users of one phone, openid or device gets one registration grant. */
describe('the registration grant', () => {
  test('is given once for an identity: its second user is registered without, and is told so (R1.3)', async () => {
    const phone = newId('phone');
    const [first, second] = [newId('u'), newId('u')];
    expect(await outcomeWith([phone], first)).toBe('granted');
    const reply = await mustSucceed(registerWith(h, second, [phone]));
    expect(outcomeOf(reply)).toBe('identity known');
    expect(reply).toMatchObject({ user: { userId: second }, quotaRemaining: 0, replayed: false });
    expect(await mustSucceed(registerWith(h, second, [phone]))).toEqual({ ...reply, replayed: true });
    expect([await grantsOf(first), await grantsOf(second)].map((rows) => rows.length)).toEqual([1, 0]);
    const { audit_logs: audits = [], outbox = [] } = await readUserRows(h.db, second);
    expect(audits.map((row) => JSON.parse(String(row['after_state'])) as unknown)).toEqual([
      { registration_grant: 0, withheld: 'identity_known' },
    ]);
    expect(outbox.map((row) => row['type'])).toEqual(['user.registered']);
  });

  test('that was withheld leaves a user like any other, who can buy and whose ledger is in order (R1.3)', async () => {
    const device = newId('device');
    const userId = newId('u');
    await outcomeWith([device]);
    expect(await outcomeWith([device], userId)).toBe('identity known');
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 0, grants: [] });
    expect(await consume(h, { requestId: 'c', userId })).toMatchObject({ reason: 'QUOTA_INSUFFICIENT' });
    const verify = () => verifyLedgerOf(h.db.url, userId, monotonicMs);
    expect(await verify()).toMatchObject({ rows: 0, fault: undefined });
    await h.control('/_control/pay', { order_id: await createOrder(h, userId) });
    expect(await mustSucceed(consume(h, { requestId: 'c', userId }))).toMatchObject({ quotaRemaining: 499 });
    expect(await expectBalanced(h.db, userId)).toBe(499);
    expect(await verify()).toMatchObject({ users: 1, fault: undefined });
  });

  test('is given once to 20 users of one identity who come at once, and all are registered (R1.3)', async () => {
    const phone = newId('phone');
    const userIds = Array.from({ length: 20 }, () => newId('u'));
    const outcomes = await Promise.all(userIds.map((userId) => outcomeWith([phone], userId)));
    expect(outcomes.filter((outcome) => outcome === 'granted')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'identity known')).toHaveLength(19);
    const granted = userIds.filter((_, i) => outcomes[i] === 'granted');
    const lots = await h.db.query('SELECT user_id FROM quota_grants WHERE user_id IN (?)', [userIds]);
    expect(lots.map((row) => row['user_id'])).toEqual(granted);
  });

  test('is given once to users of one identity who all come several times at once (R1.3)', async () => {
    const phone = newId('phone');
    const userIds = Array.from({ length: 8 }, () => newId('u'));
    const calls = userIds.flatMap((userId) =>
      Array.from({ length: 5 }, (_, i) => registerWith(h, userId, [phone], `register-${i}`)),
    );
    const outcomes = (await Promise.all(calls.map((sent) => mustSucceed(sent)))).map(outcomeOf);
    expect(outcomes.filter((outcome) => outcome === 'granted')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'identity known')).toHaveLength(userIds.length - 1);
    expect(outcomes.filter((outcome) => outcome === 'user known')).toHaveLength(userIds.length * 4);
  });

  test('is withheld when one of several identities had it, and does not use up the others (R1.3)', async () => {
    const [phone, openid, device, other] = [newId('phone'), newId('openid'), newId('device'), newId('device')];
    expect(await outcomeWith([phone, openid, device])).toBe('granted');
    expect(await outcomeWith([other, openid])).toBe('identity known');
    expect(await outcomeWith([other])).toBe('granted');
    expect(await outcomeWith([phone, other])).toBe('identity known');
  });

  test('is given to none who share an identity, however their identities overlap, and nobody deadlocks (R1.3)', async () => {
    const ring = Array.from({ length: 12 }, () => newId('ring'));
    const users = Array.from({ length: 36 }, (_, i) => {
      const own = [0, 1, 2].map((step) => ring[(i + step * (1 + (i % 3))) % ring.length] ?? '');
      return { userId: newId('u'), own: i % 2 === 0 ? own : own.reverse() };
    });
    const outcomes = await Promise.all(users.map(({ userId, own }) => outcomeWith(own, userId)));
    const grantedTo = users.filter((_, i) => outcomes[i] === 'granted').flatMap(({ own }) => own);
    expect(new Set(grantedTo).size).toBe(grantedTo.length);
    for (const [i, { own }] of users.entries()) {
      const isShared = own.some((identity) => grantedTo.includes(identity));
      expect({ i, outcome: outcomes[i], isShared }).toEqual({ i, outcome: outcomes[i], isShared: true });
    }
  });

  test('is given to a user once, by whatever identities he comes again, and those are not added (R1.3)', async () => {
    const [phone, later] = [newId('phone'), newId('phone')];
    const userId = newId('u');
    expect(await outcomeWith([phone], userId)).toBe('granted');
    const before = await identitiesOf(userId);
    const again = await mustSucceed(registerWith(h, userId, [later], 'again'));
    expect([outcomeOf(again), again.quotaRemaining]).toEqual(['user known', 10]);
    expect(await identitiesOf(userId)).toEqual(before);
    expect(await outcomeWith([later])).toBe('granted');
  });

  test('is given to every user of whom nothing is told (R1.3)', async () => {
    expect([await outcomeWith([]), await outcomeWith([])]).toEqual(['granted', 'granted']);
  });
});

describe('a repeated registration', () => {
  test('is the same with its identities in another order or doubled, and another with others (R1.3)', async () => {
    const [phone, device] = [newId('phone'), newId('device')];
    const userId = newId('u');
    const first = await mustSucceed(registerWith(h, userId, [phone, device]));
    const before = await readUserRows(h.db, userId);
    const repeated = await mustSucceed(registerWith(h, userId, [device, phone, device]));
    expect(repeated).toEqual({ ...first, replayed: true });
    for (const others of [[], [phone], [phone, device, newId('openid')], [phone, newId('device')]]) {
      const reply = await registerWith(h, userId, others);
      expect(reply).toMatchObject({ ok: false, code: 'ALREADY_EXISTS', reason: 'REQUEST_ID_REUSED' });
    }
    expect(await readUserRows(h.db, userId)).toEqual(before);
    expect(await identitiesOf(userId)).toHaveLength(2);
  });

  test('of before there were identities is recognised, with the answer of then (R1.3)', async () => {
    const userId = newId('u');
    await mustSucceed(registerWith(h, userId, [], 'first'));
    const hash = contentHash('RegisterUser', { user_id: userId });
    const [row] = await h.db.query('SELECT content_hash FROM request_keys WHERE owner = ?', [`user:${userId}`]);
    expect(row?.['content_hash']).toEqual(hash);
    const response = { userId, createTime: new Date().toISOString(), quotaRemaining: 10, registrationGranted: false };
    await h.db.query(
      'INSERT INTO request_keys (owner, service, request_id, kind, content_hash, response, create_time) ' +
        "SELECT owner, service, 'old', kind, content_hash, ?, create_time FROM request_keys WHERE owner = ?",
      [JSON.stringify(response), `user:${userId}`],
    );
    const replay = await mustSucceed(registerWith(h, userId, [], 'old'));
    expect([outcomeOf(replay), replay.replayed]).toEqual(['user known', true]);
  });
});

/** Personal data: a hash of a phone number is found by trying all numbers. */
describe('what tells who somebody is', () => {
  test('is kept as a blind index only, in no table and no log line in clear, nor as a hash without key (R1.3)', async () => {
    const hashes = [newId('sha256-of-phone'), newId('sha256-of-device')];
    const userId = newId('u');
    await outcomeWith(hashes, userId);
    await registerWith(h, userId, [...hashes, 'x'.repeat(129)], 'malformed');
    await registerWith(h, userId, [...hashes, 'other']);
    const index = createBlindIndex(Buffer.from(h.infra.identityIndexKey, 'base64'), 'user_identities');
    const stored = (await identitiesOf(userId)).map((row) => (row['identity_index'] as Buffer).toString('hex'));
    expect(stored.sort()).toEqual(hashes.map((hash) => index(hash).toString('hex')).sort());
    const clear = contentHash('RegisterUser', { user_id: userId, identity_hashes: hashes });
    const reversed = contentHash('RegisterUser', { user_id: userId, identity_hashes: [...hashes].reverse() });
    const secrets = [...hashes, h.infra.identityIndexKey, clear.toString('latin1'), reversed.toString('latin1')];
    const tables = await h.db.query(
      "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = ? AND table_type = 'BASE TABLE'",
      [h.db.name],
    );
    const texts = [JSON.stringify(h.logs)];
    for (const { name } of tables) {
      const rows = await h.db.query(`SELECT * FROM ${String(name)}`);
      texts.push(rows.map((row) => Object.values(row).map(asText).join()).join());
    }
    expect(texts.length).toBeGreaterThan(15);
    expect(secrets.filter((secret) => texts.some((text) => text.includes(secret)))).toEqual([]);
    for (const table of ['user_identities', 'granted_identities']) {
      expect(await errnoOf(h.db, `SELECT * FROM ${table}`, 'report')).toBe(1142);
    }
  });

  test.each([
    ['nothing', ''],
    ['129 characters', 'x'.repeat(129)],
    ['a line break', 'a\nb'],
    ['DEL', 'a\u007fb'],
    ['a letter beyond ASCII', 'é'],
  ])('is refused when one of it is %s: the entry is named and nothing has changed (R1.3)', async (_what, bad) => {
    const userId = newId('u');
    const reply = await registerWith(h, userId, [newId('phone'), bad, newId('device')]);
    expect(reply).toMatchObject({ reason: 'INVALID_REQUEST', fields: ['identity_hashes[1]'] });
    expect(Object.values(await readUserRows(h.db, userId)).flat()).toEqual([]);
    expect(await identitiesOf(userId)).toEqual([]);
  });

  test('may be 10 entries of 128 printable characters, and no more (R1.3)', async () => {
    const longest = Array.from({ length: 10 }, (_, i) => newId(`${i}`).padEnd(128, ' ~'));
    expect(await outcomeWith(longest)).toBe('granted');
    const reply = await registerWith(h, newId('u'), [...longest, '']);
    expect(reply).toMatchObject({ reason: 'INVALID_REQUEST', fields: ['identity_hashes'] });
  });
});

function asText(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString('latin1') : String(value);
}
