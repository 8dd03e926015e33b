import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { MANIFEST, pack, SIGNATURE, unpack } from '../../../src/audit/evidence/archive';
import { buildEvidence } from '../../../src/audit/evidence/build-evidence';
import { verifyEvidence } from '../../../src/audit/evidence/verify-evidence';
import { createFieldCipher } from '../../../src/platform/crypto/field-cipher';
import { loadConfig } from '../../../src/platform/config';
import { sha256 } from '../../../src/platform/crypto/sha256';
import { createSigner, createVerifier, type Verifier } from '../../../src/platform/crypto/signing';
import { PaymentChannel } from '../../../src/gen/billing/v1/order_service.pb';
import { mustSucceed } from '../../support/clients';
import { billingAs } from '../../support/command';
import {
  auditPublicKey,
  auditVerifier,
  exportEvidence,
  fetchEvidence,
  linesOf,
  rowsOf,
} from '../../support/evidence-calls';
import {
  consume,
  refund,
  registerUser,
  serviceEnvironment,
  startHarness,
  until,
  type Harness,
} from '../../support/harness';
import { createOrderCall } from '../../support/order-calls';
import { claim, openPromotion } from '../../support/promotions';
import { openServiceDatabase } from '../../support/service-database';
import { notify, OPENID, paidNotification } from '../../support/wechat-notifier';

/** R7.1, R7.2: everything about an order, a user or a task leaves as one signed archive that proves itself. */
describe('exported evidence', () => {
  let h: Harness;
  let verifier: Verifier;
  let userId: string;
  let otherUserId: string;
  let orderId: string;
  let transactionId: string;
  let promotionId: string;

  /** A user with a discounted, paid order, a task that was refunded, and somebody else's whom nothing must tell of. */
  beforeAll(async () => {
    h = await startHarness();
    verifier = auditVerifier(h);
    promotionId = await openPromotion(h);
    const buy = async (buyer: string, couponId: string, openid: string) => {
      const terms = { userId: buyer, couponId, channel: PaymentChannel.JSAPI, openid };
      return (await mustSucceed(createOrderCall(h, terms))).order;
    };
    userId = await registerUser(h);
    const { couponId } = await claim(h, userId, promotionId);
    const order = await buy(userId, couponId, OPENID);
    orderId = order?.orderId ?? '';
    const paid = paidNotification(h, { orderId, amount: order?.finalAmount ?? 0 });
    ({ transactionId } = paid);
    expect((await notify(h, paid)).status).toBe(204);
    await mustSucceed(consume(h, { userId, requestId: 'before', amount: 3, taskId: 'task-0', taskType: 'matting' }));
    await mustSucceed(consume(h, { userId, requestId: 'c-1', amount: 7, taskId: 'task-1', taskType: 'matting' }));
    await mustSucceed(refund(h, { userId, requestId: 'r-1', consumeRequestId: 'c-1', amount: 2 }));
    otherUserId = await registerUser(h);
    const others = await buy(otherUserId, '', 'oSomebodyElsesOpenid01234567');
    await notify(h, paidNotification(h, { orderId: others?.orderId ?? '' }));
    await untilSealed();
  });
  afterAll(() => h.stop());

  /** Waits until the audit log is sealed to its end. */
  const untilSealed = () =>
    until('the audit log is sealed', async () => {
      const [left] = await h.db.query(
        'SELECT COUNT(*) AS n FROM audit_logs a LEFT JOIN audit_chain c ON c.audit_id = a.id WHERE c.audit_id IS NULL',
      );
      return Number(left?.['n']) === 0;
    });

  test('of an order is proved, and holds the money from the price to what WeChat Pay told, opened', async () => {
    const archive = await fetchEvidence(h, { orderId });
    const report = verifyEvidence(archive, [verifier]);
    expect(report.problems).toEqual([]);
    expect(report.subject).toEqual({ type: 'order', id: orderId, user_id: userId });
    expect(report.requestedBy).toBe('spiffe://billing/auditor/auditor');
    expect(report.auditSealed).toBeGreaterThan(2);
    expect(report.auditUnsealed).toBe(0);

    expect(rowsOf(archive, 'orders')).toMatchObject([{ id: orderId, status: 'paid', user_id: userId }]);
    expect(rowsOf(archive, 'payments')).toMatchObject([{ order_id: orderId, transaction_id: transactionId }]);
    expect(rowsOf(archive, 'user_coupons')).toMatchObject([{ promotion_id: promotionId, status: 'used' }]);
    expect(rowsOf(archive, 'promotions')).toMatchObject([{ id: promotionId }]);
    expect(rowsOf(archive, 'plan_prices')).toHaveLength(1);
    expect(rowsOf(archive, 'order_payers')).toMatchObject([{ order_id: orderId, sealed_payer: { opened: OPENID } }]);
    const [told] = rowsOf(archive, 'wechatpay_notification_bodies');
    const opened = (told?.['sealed_body'] as { opened: { headers: Record<string, string>; resource: string } }).opened;
    expect(Object.keys(opened.headers)).toEqual(expect.arrayContaining(['wechatpay-signature', 'wechatpay-serial']));
    expect(JSON.parse(opened.resource)).toMatchObject({ transaction_id: transactionId, payer: { openid: OPENID } });
    // The user's log from the membership's lot on, not from the registration's.
    expect(rowsOf(archive, 'quota_logs').map(({ sequence }) => sequence)).toEqual([2, 3, 4, 5]);
  });

  test('of a user holds all of it and nothing of anybody else', async () => {
    const archive = await fetchEvidence(h, { userId });
    const report = verifyEvidence(archive, [verifier]);
    expect(report).toMatchObject({ problems: [], quotaRows: 5 });
    expect(rowsOf(archive, 'orders').map(({ id }) => id)).toEqual([orderId]);
    expect(rowsOf(archive, 'quota_charges')).toHaveLength(2);
    const events = linesOf(archive, 'events.jsonl');
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(['order.paid', 'quota.changed']));
    expect(new Set(events.map(({ subject }) => subject))).toEqual(new Set([userId]));
    const everything = [...unpack(archive).files.values()].map((content) => content.toString('utf8')).join('');
    expect(everything).not.toContain(otherUserId);
    expect(everything).not.toContain('oSomebodyElsesOpenid');
  });

  test('of a task holds its charge, and the log from the row that took its units', async () => {
    const archive = await fetchEvidence(h, { userId, taskId: 'task-1' });
    expect(verifyEvidence(archive, [verifier])).toMatchObject({ problems: [], quotaRows: 2 });
    expect(rowsOf(archive, 'quota_charges')).toMatchObject([{ task_id: 'task-1', units: 7, returned: 2 }]);
    expect(rowsOf(archive, 'quota_logs')).toMatchObject([{ request_id: 'c-1' }, { request_id: 'r-1' }]);
    expect(rowsOf(archive, 'orders')).toEqual([]);
  });

  test('is refused where there is nothing of the kind, and changes nothing (lesson 1)', async () => {
    const rows = (): Promise<unknown> => h.db.query('SELECT COUNT(*) AS n FROM access_logs');
    const before = await rows();
    const refusals = [
      await exportEvidence(h, { orderId: 'no-such-order' }),
      await exportEvidence(h, { userId: 'nobody' }),
      await exportEvidence(h, { userId, taskId: 'no-task' }),
      await exportEvidence(h, { userId, archiveHash: '0'.repeat(64), offset: 5 }),
      await exportEvidence(h, { userId, offset: 5 }),
      await exportEvidence(h, { orderId, userId }),
      await exportEvidence(h, { orderId }, 'finance'),
    ];
    expect(refusals.map((reply) => (reply.ok ? 'ok' : reply.reason))).toEqual([
      ...['ORDER_NOT_FOUND', 'USER_NOT_FOUND', 'CONSUME_NOT_FOUND', 'EVIDENCE_GONE', 'INVALID_REQUEST'],
      ...['INVALID_REQUEST', 'CALLER_NOT_ALLOWED'],
    ]);
    expect(await rows()).toEqual(before);
  });

  test('is made one at a time: who asks meanwhile is told to come again, and then has it', async () => {
    const replies = await Promise.all(Array.from({ length: 4 }, () => exportEvidence(h, { userId })));
    const refused = replies.filter((reply) => !reply.ok);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(4);
    for (const reply of refused) expect(reply).toMatchObject({ reason: 'OVERLOADED' });
    // A refusal of what there is not lets the next one in, too.
    expect(await exportEvidence(h, { userId: 'nobody' })).toMatchObject({ reason: 'USER_NOT_FOUND' });
    await mustSucceed(exportEvidence(h, { userId }));
  });

  test('is written down as a look at the order before it leaves', async () => {
    await fetchEvidence(h, { orderId });
    const [look] = await h.db.query('SELECT * FROM access_logs ORDER BY id DESC LIMIT 1');
    const actor = 'spiffe://billing/auditor/auditor';
    expect(look).toMatchObject({ actor, rpc: 'AuditService/ExportEvidence', subject_id: orderId });
  });

  describe('that somebody changed', () => {
    let archive: Buffer;
    let files: ReadonlyMap<string, Buffer>;
    let time: Date;
    beforeAll(async () => {
      archive = await fetchEvidence(h, { userId });
      ({ files, time } = unpack(archive));
    });
    const repack = (changed: ReadonlyMap<string, Buffer>, at = time): Promise<Buffer> =>
      pack(
        [...changed].map(([path, content]) => ({ path, content })),
        at,
      );
    const problemsOf = (changed: ReadonlyMap<string, Buffer>, key = verifier): Promise<readonly string[]> =>
      repack(changed).then((bytes) => verifyEvidence(bytes, [key]).problems);
    const withFile = (path: string, change: (text: string) => string): Map<string, Buffer> =>
      new Map(files).set(path, Buffer.from(change(files.get(path)?.toString('utf8') ?? '')));

    /** Puts right everything that a manifest says of the files, and signs it with the true key: an insider's work. */
    const resign = (changed: ReadonlyMap<string, Buffer>): Map<string, Buffer> => {
      const manifest = JSON.parse(changed.get(MANIFEST)?.toString('utf8') ?? '') as { files: { path: string }[] };
      const listed = manifest.files.map((file) => {
        const content = changed.get(file.path) ?? Buffer.alloc(0);
        return { ...file, bytes: content.length, sha256: sha256(content).toString('hex') };
      });
      const bytes = Buffer.from(JSON.stringify({ ...manifest, files: listed }));
      const signer = createSigner(h.infra.auditSigningKey);
      const signature = signer.sign(bytes).toString('base64');
      const text = JSON.stringify({ algorithm: 'Ed25519', key_id: signer.keyId, signature });
      return new Map(changed).set(MANIFEST, bytes).set(SIGNATURE, Buffer.from(text));
    };

    test('is proved as long as nobody did', async () => {
      expect(await problemsOf(files)).toEqual([]);
      expect(await problemsOf(resign(files))).toEqual([]);
    });

    test('in any byte, or followed by one, is not proved', () => {
      const isProved = (bytes: Buffer): boolean => verifyEvidence(bytes, [verifier]).problems.length === 0;
      expect(isProved(archive)).toBe(true);
      const unseen = [...archive.keys()].filter((at) => {
        const copy = Buffer.from(archive);
        copy[at] = (copy[at] ?? 0) ^ 0xff;
        return isProved(copy);
      });
      expect(unseen).toEqual([]);
      for (const spare of [Buffer.from('x'), Buffer.alloc(1), gzipSync('')]) {
        expect(isProved(Buffer.concat([archive, spare]))).toBe(false);
      }
    });

    test('by packing it as if at another time is not proved', async () => {
      const later = await repack(files, new Date(time.getTime() + 1_000));
      expect(verifyEvidence(later, [verifier]).problems).toEqual([
        'the files are of another time than manifest.json says',
      ]);
    });

    test('in any file, or that lacks or has one, is not proved', async () => {
      for (const path of files.keys()) {
        if (path === MANIFEST || path === SIGNATURE) continue;
        expect(await problemsOf(withFile(path, (text) => `${text}{"x":1}\n`))).toContain(`${path} was changed`);
        const without = new Map(files);
        without.delete(path);
        expect(await problemsOf(without)).toContain(`${path} is missing`);
      }
      expect(await problemsOf(new Map(files).set('more.txt', Buffer.from('x')))).toEqual([
        'more.txt is not in manifest.json',
      ]);
    });

    test('in its manifest, or signed by another key, is not proved', async () => {
      const forged = withFile(MANIFEST, (text) => text.replace('auditor/auditor', 'auditor/somebody'));
      expect(await problemsOf(forged)).toEqual(['the signature does not fit manifest.json']);
      const { publicKey } = generateKeyPairSync('ed25519');
      const other = createVerifier(publicKey.export({ type: 'spki', format: 'pem' }) as string);
      expect((await problemsOf(files, other))[0]).toMatch(
        /^it was signed with the key [0-9a-f]{16}, and the public keys given are/,
      );
    });

    test.each([
      [
        'an amount in the log',
        'tables/quota_logs.jsonl',
        /"amount":-7/,
        '"amount":-6',
        /^row \d of the log says balance/,
      ],
      [
        'a word in the log',
        'tables/quota_logs.jsonl',
        /"task_id":"task-1"/,
        '"task_id":"task-9"',
        /does not match its hash/,
      ],
      ['a row of the log', 'tables/quota_logs.jsonl', /^.*"request_id":"c-1".*\n/m, '', /rows are missing or doubled/],
      [
        'the end of the log',
        'tables/quota_logs.jsonl',
        /[^\n]*\n$/,
        '',
        /^the log ends at 4, and the account says 5$/m,
      ],
      ['the balance', 'tables/users.jsonl', /"quota_remaining":\d+/, '"quota_remaining":9999', /the account says 9999/],
      ['a lot', 'tables/quota_grants.jsonl', /"remaining":\d+/, '"remaining":9999', /and the lots \d+$/],
      [
        'an audit row',
        'tables/audit_logs.jsonl',
        /"action":"CreateOrder"/,
        '"action":"CreateOrdeR"',
        /^audit row \d+ does not match/,
      ],
      ['an audit row that is gone', 'tables/audit_logs.jsonl', /^.*\n/, '', /but the audit row is missing$/],
    ])(
      'and signed again by an insider with the true key is not proved: %s',
      async (_what, path, pattern, text, problem) => {
        const changed = withFile(path, (content) => content.replace(pattern, text));
        expect(changed.get(path)).not.toEqual(files.get(path));
        expect((await problemsOf(resign(changed))).join('\n')).toMatch(problem);
      },
    );
  });

  test('is written by `billing evidence export` to a new file of its owner, and proved by `billing evidence verify`', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'evidence-'));
    const file = (name: string): string => join(directory, name);
    const run = (...words: string[]) => billingAs(h, 'auditor', ['--json', 'evidence', ...words]);
    try {
      writeFileSync(file('audit.pub.pem'), auditPublicKey(h));
      const exported = await run('export', 'order', orderId, '--out', file('order.tar.gz'));
      expect(exported).toMatchObject({ code: 0, stderr: '' });
      expect(statSync(file('order.tar.gz')).mode & 0o777).toBe(0o600);
      const verify = ['verify', file('order.tar.gz'), '--public-key', file('audit.pub.pem')];
      const proved = await run(...verify);
      expect(JSON.parse(proved.stdout)).toMatchObject({ verdict: 'proved', subject: `order ${orderId}`, problems: [] });
      expect(proved.code).toBe(0);
      // Never over a file that is there.
      const before = readFileSync(file('order.tar.gz'));
      expect(await run('export', 'order', orderId, '--out', file('order.tar.gz'))).toMatchObject({ code: 1 });
      expect(readFileSync(file('order.tar.gz'))).toEqual(before);
      writeFileSync(file('order.tar.gz'), before.subarray(0, before.length - 100));
      const broken = await run(...verify);
      expect(broken.code).toBe(1);
      expect(JSON.parse(broken.stdout)).toMatchObject({ verdict: 'NOT PROVED' });
    } finally {
      rmSync(directory, { recursive: true });
    }
  }, 120_000);

  test('that is larger than a piece comes in pieces, for who asked for it and about the same only', async () => {
    const many = await registerUser(h);
    // Random, so that it stays large when it is packed.
    const state = (): string => JSON.stringify({ noise: randomBytes(2_000).toString('base64') });
    const rows = Array.from({ length: 600 }, () => ['Test', 'me', 'user', many, many, 'test', state(), h.clock.now()]);
    const columns = 'action, actor, subject_type, subject_id, user_id, cause, after_state, create_time';
    await h.db.query(`INSERT INTO audit_logs (${columns}) VALUES ?`, [rows]);
    const first = await mustSucceed(exportEvidence(h, { userId: many }));
    expect(first.content).toHaveLength(1_048_576);
    expect(first.totalBytes).toBeGreaterThan(1_048_576);
    const { archiveHash, totalBytes } = first;
    const pieces = [first.content];
    for (let offset = 1_048_576; offset < totalBytes;) {
      const { content } = await mustSucceed(exportEvidence(h, { userId: many, archiveHash, offset }));
      pieces.push(content);
      offset += content.length;
    }
    const archive = Buffer.concat(pieces);
    expect(sha256(archive).toString('hex')).toBe(archiveHash);
    expect(verifyEvidence(archive, [verifier]).problems).toEqual([]);
    const elsewhere = await exportEvidence(h, { userId, archiveHash, offset: 0 });
    expect(elsewhere).toMatchObject({ ok: false, reason: 'EVIDENCE_GONE' });
    const beyond = await exportEvidence(h, { userId: many, archiveHash, offset: totalBytes });
    expect(beyond).toMatchObject({ ok: false, reason: 'INVALID_REQUEST', fields: ['offset'] });
  });

  test('of the same moment is the same, byte for byte, and one of a changed database says so', async () => {
    const config = loadConfig(serviceEnvironment(h.infra, h.db.url, 'http://127.0.0.1:1'));
    const db = openServiceDatabase(h.infra, h.db);
    const signer = createSigner(h.infra.auditSigningKey);
    const publicKeys = () => [signer.publicKeyPem];
    const parts = {
      db,
      cipher: createFieldCipher(config.DATA_KEYS),
      signer: () => signer,
      publicKeys,
      version: 'test',
    };
    const request = { subject: { type: 'user', id: userId } as const, requestedBy: 'me', now: h.clock.now() };
    try {
      const [one, two] = [await buildEvidence(parts, request), await buildEvidence(parts, request)];
      expect(one.equals(two)).toBe(true);
      // An insider with every right writes over history: the signature is good, and the chain is not.
      await h.db.query('DROP TRIGGER quota_logs_no_update');
      const rewrite = "UPDATE quota_logs SET task_id = 'task-9' WHERE user_id = ? AND request_id = 'c-1'";
      await h.db.query(rewrite, [userId]);
      const { problems } = verifyEvidence(await buildEvidence(parts, request), [verifier]);
      expect(problems).toEqual(['row 4 of the log does not match its hash']);
    } finally {
      await db.knex.destroy();
    }
  });
});
