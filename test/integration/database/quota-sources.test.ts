import { GiftCampaignStatus } from '../../../src/gen/billing/v1/gift_service.pb';
import { mustSucceed } from '../../support/clients';
import { openTestDatabase, type TestDatabase } from '../../support/database';
import { campaignStatusCall, grantGiftCall, makeCampaign, openCampaign } from '../../support/gift-calls';
import {
  consume,
  createOrder,
  newId,
  refund,
  registerMember,
  registerUser,
  startHarness,
  until,
} from '../../support/harness';
import { readInfra } from '../../support/infra';
import { refundOf, untilRefunds } from '../../support/refund-calls';
import { checksums, errnoOf, REFUSALS } from '../../support/schema-facts';

const DAY_MS = 86_400_000;
const { trigger, check, privilege } = REFUSALS;
/** A key refuses what was given before. */
const REFUSED: readonly number[] = [...trigger, ...check, 1062];
const UNITS = 20;

/** Whom units are forged for, and what they are said to be for. */
interface Grounds {
  /** Has a registration lot, nothing expired. */
  readonly user: string;
  /** Has a paid order, whose lot was given. */
  readonly member: string;
  readonly paid: string;
  readonly unpaid: string;
  /** Of a user of its own; refunded in full. */
  readonly refunded: { readonly userId: string; readonly orderId: string };
  /** Had the gift of `open`. */
  readonly gifted: string;
  /** Units of its lot 1 came back after that had expired, in row 4: they are lot 6, the last row. */
  readonly late: string;
  readonly draft: string;
  readonly paused: string;
  readonly ended: string;
  readonly open: string;
  readonly future: string;
  readonly spent: string;
}

let db: TestDatabase;
let grounds: Grounds;
let before: Awaited<ReturnType<typeof checksums>>;

/** Inserts a GRANT row as it should be and its lot as it is told: what an account that may insert can try. */
interface Forgery {
  readonly userId: string;
  readonly source: string;
  readonly sourceRef: string;
  readonly orderId?: string;
  readonly units?: number;
  /** After the user's last row; a number: there instead. */
  readonly sequence?: number;
  readonly createTime?: string;
  readonly expireTime?: string;
  /** Statements before it, of the same transaction. */
  readonly first?: readonly string[];
}

beforeAll(async () => {
  const h = await startHarness();
  const member = await registerMember(h);
  const refunded = await registerMember(h);
  await refundOf(h, refunded);
  await untilRefunds(h, refunded.orderId, ['succeeded']);
  const user = await registerUser(h);
  const paused = await openCampaign(h);
  await mustSucceed(campaignStatusCall(h, paused, GiftCampaignStatus.PAUSED));
  const ended = await openCampaign(h);
  await mustSucceed(campaignStatusCall(h, ended, GiftCampaignStatus.ENDED));
  const [open, spent] = [await openCampaign(h), await openCampaign(h, { budgetUnits: UNITS })];
  const gifted = await registerUser(h);
  for (const campaignId of [open, spent]) await mustSucceed(grantGiftCall(h, gifted, campaignId));
  const late = await registerUser(h);
  await mustSucceed(consume(h, { userId: late, requestId: 'c', amount: 3 }));
  const draft = (await makeCampaign(h)).campaignId;
  const future = await openCampaign(h, { startTime: new Date('2089-01-01T00:00:00Z') });
  const unpaid = await createOrder(h, user);
  h.clock.advanceMs(40 * DAY_MS);
  await mustSucceed(refund(h, { userId: late, requestId: 'r', consumeRequestId: 'c', amount: 3, reason: '' }));
  await until('the order is over', async () => {
    return (await h.db.query('SELECT 1 FROM orders WHERE id = ? AND status = ?', [unpaid, 'closed'])).length === 1;
  });
  grounds = {
    ...{ user, member: member.userId, paid: member.orderId, unpaid, refunded, gifted, late },
    ...{ draft, paused, ended, open, future, spent },
  };
  await h.stop();
  db = await openTestDatabase(readInfra());
  before = await checksums(db);
}, 120_000);
afterEach(async () => {
  expect(await checksums(db)).toEqual(before);
});
afterAll(() => db.close());

/** Tries a forgery and takes it back, whatever came of it. Returns what it was refused with: `taken` when it was not. */
async function forge(account: 'app' | 'root', forgery: Forgery): Promise<string> {
  const { userId, source, sourceRef, orderId = null, units = UNITS, createTime = '2026-12-01', first = [] } = forgery;
  const connection = await db.connect(account);
  try {
    await connection.beginTransaction();
    for (const sql of first) await connection.query(sql);
    const [rows] = await connection.query('SELECT MAX(sequence) AS last FROM quota_logs WHERE user_id = ?', [userId]);
    const last = Number((rows as { last: number | null }[])[0]?.last ?? 0);
    const sequence = forgery.sequence ?? last + 1;
    const expireTime = forgery.expireTime ?? '2027-01-01';
    await connection.query(
      `INSERT INTO quota_logs (user_id, sequence, origin, request_id, request_hash, type, amount, units, quota_remaining,
         lots, task_id, task_type, description, actor, create_time, hash_version, hash)
       VALUES (?, ?, 'system', ?, REPEAT('x', 32), 'GRANT', ?, ?, 99, ?, '', '', '', 'forger', ?, 1, REPEAT('x', 32))`,
      [userId, sequence, newId('forged'), units, units, `[[${sequence},${units}]]`, createTime],
    );
    return await connection
      .query(
        `INSERT INTO quota_grants (user_id, grant_id, source, source_ref, order_id, amount, remaining, held, expire_time, create_time)
         VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?)`,
        [userId, sequence, source, sourceRef, orderId, units, units, expireTime, createTime],
      )
      .then(
        () => 'taken',
        (error: { errno: number; sqlMessage: string }) => `${error.errno} ${error.sqlMessage}`,
      );
  } finally {
    await connection.query('ROLLBACK');
    await connection.end();
  }
}

/** A row that says that units came back or ended, forged after the user's last. */
const forgedRow = (userId: string, type: 'EXPIRE' | 'REFUND', lot: number, units: number): string => {
  const signed = type === 'EXPIRE' ? -units : units;
  return `INSERT INTO quota_logs (user_id, sequence, origin, request_id, request_hash, type, amount, units, quota_remaining,
    lots, consume_sequence, task_id, task_type, description, actor, create_time, hash_version, hash)
    SELECT user_id, MAX(sequence) + 1, 'system', 'forged ${type}', REPEAT('x', 32), '${type}', ${signed}, ${units}, 99,
      '[[${lot},${signed}]]', ${type === 'REFUND' ? '2' : 'NULL'}, '', '', '', 'forger', '2026-12-01', 1, REPEAT('x', 32)
    FROM quota_logs WHERE user_id = '${userId}' GROUP BY user_id`;
};

const gift = (userId: string, campaignId: string, fields: Partial<Forgery> = {}): Forgery => ({
  ...{ userId, source: 'gift', sourceRef: campaignId, expireTime: '2026-12-31' },
  ...fields,
});

/** Units of the expired lot 1 of `late` that came back in row 7 and ended in row 8. */
const cameBack = (late: string, fields: Partial<Forgery> = {}): Forgery => ({
  ...{
    userId: late,
    source: 'compensation',
    sourceRef: '7:1',
    units: 5,
    createTime: '2027-06-01',
    expireTime: '2027-06-08',
  },
  first: [forgedRow(late, 'REFUND', 1, 5), forgedRow(late, 'EXPIRE', 1, 5)],
  ...fields,
});

/** Units for a user who is made in the same transaction, at that instant. */
const newcomer = (createTime: string): Forgery => ({
  ...{ userId: 'forged', source: 'registration', sourceRef: 'registration', sequence: 1, createTime: '2026-12-01' },
  first: [
    `INSERT INTO users (id, quota_remaining, log_sequence, log_hash, log_time, create_time)
     VALUES ('forged', 0, 0, REPEAT('x', 32), '${createTime}', '${createTime}')`,
  ],
});

type Ways = readonly (readonly [what: string, forgery: (g: Grounds) => Forgery])[];

/** Every source with everything that is not its ground. A source that is new has to be added here. */
const WAYS: Readonly<Record<string, Ways>> = {
  registration: [
    [
      'for somebody who has had it',
      ({ user: userId }) => ({ userId, source: 'registration', sourceRef: 'registration' }),
    ],
    ['under another name', ({ user: userId }) => ({ userId, source: 'registration', sourceRef: 'again' })],
    [
      'for somebody who is known but was given none',
      () => ({
        ...{ userId: 'known-since-long', source: 'registration', sourceRef: 'registration', sequence: 1 },
        first: [
          `INSERT INTO users (id, quota_remaining, log_sequence, log_hash, log_time, create_time)
           VALUES ('known-since-long', 0, 0, REPEAT('x', 32), '2026-01-01', '2026-01-01')`,
        ],
      }),
    ],
    ['for nobody', () => ({ userId: 'nobody', source: 'registration', sourceRef: 'registration', sequence: 1 })],
  ],
  membership: [
    ['for no order', ({ user: userId }) => ({ userId, source: 'membership', sourceRef: 'none:1' })],
    [
      'for an order that is not there',
      ({ user: userId }) => ({ userId, source: 'membership', sourceRef: 'none:1', orderId: 'none' }),
    ],
    [
      'for an order that nobody paid',
      ({ user: userId, unpaid }) => ({
        userId,
        source: 'membership',
        sourceRef: `${unpaid}:1`,
        orderId: unpaid,
        units: 500,
      }),
    ],
    [
      "for somebody else's paid order",
      ({ user: userId, paid }) => ({ userId, source: 'membership', sourceRef: `${paid}:1`, orderId: paid, units: 500 }),
    ],
    [
      'for an order that was refunded in full',
      ({ refunded: { userId, orderId } }) => ({
        ...{ userId, source: 'membership', sourceRef: `${orderId}:2`, orderId, units: 500 },
      }),
    ],
    [
      'a second time for a paid order',
      ({ member: userId, paid }) => ({
        userId,
        source: 'membership',
        sourceRef: `${paid}:2`,
        orderId: paid,
        units: 500,
      }),
    ],
    [
      'a little more for a paid order',
      ({ member: userId, paid }) => ({ userId, source: 'membership', sourceRef: `${paid}:2`, orderId: paid, units: 1 }),
    ],
    [
      'for a paid order under another name',
      ({ member: userId, paid }) => ({ userId, source: 'membership', sourceRef: 'again', orderId: paid, units: 500 }),
    ],
  ],
  gift: [
    ['of no campaign', ({ user }) => gift(user, 'no-such')],
    ['of a campaign that nobody approved', ({ user, draft }) => gift(user, draft)],
    ['of a paused campaign', ({ user, paused }) => gift(user, paused)],
    ['of a campaign that has ended', ({ user, ended }) => gift(user, ended)],
    ['of a campaign that has not started', ({ user, future }) => gift(user, future)],
    [
      'after the window of its campaign',
      ({ user, open }) => gift(user, open, { createTime: '2091-01-01', expireTime: '2091-01-31' }),
    ],
    ['beyond the budget of its campaign', ({ user, spent }) => gift(user, spent)],
    ['of more units than its campaign gives', ({ user, open }) => gift(user, open, { units: UNITS + 1 })],
    ['of fewer units, so that more of them fit', ({ user, open }) => gift(user, open, { units: 1 })],
    ['that lives longer than its campaign says', ({ user, open }) => gift(user, open, { expireTime: '2027-01-01' })],
    ['of an order', ({ member, open, paid }) => gift(member, open, { orderId: paid })],
  ],
  compensation: [
    ['for nothing', ({ user: userId }) => ({ userId, source: 'compensation', sourceRef: '1:1' })],
    ['under a name of no row', ({ late }) => cameBack(late, { sourceRef: 'sorry' })],
    ['under a name that only looks like its row', ({ late }) => cameBack(late, { sourceRef: '7:01' })],
    [
      'for units that ended, but never came back',
      ({ late }) => cameBack(late, { first: [forgedRow(late, 'EXPIRE', 1, 5)] }),
    ],
    [
      'for units that came back, but did not end',
      ({ late }) => cameBack(late, { first: [forgedRow(late, 'REFUND', 1, 5)] }),
    ],
    ['for a lot that had not expired', ({ late }) => cameBack(late, { createTime: '2026-12-01' })],
    ['of more than what ended', ({ late }) => cameBack(late, { units: 6 })],
    [
      'of another lot than what ended',
      ({ late }) => cameBack(late, { first: [forgedRow(late, 'REFUND', 1, 5), forgedRow(late, 'EXPIRE', 6, 5)] }),
    ],
    [
      'of a compensation',
      ({ late }) => {
        const first = [forgedRow(late, 'REFUND', 6, 2), forgedRow(late, 'EXPIRE', 6, 2)];
        return cameBack(late, { sourceRef: '7:6', units: 2, createTime: '2028-01-01', first });
      },
    ],
  ],
  promotion: [['whatever for', ({ user: userId }) => ({ userId, source: 'promotion', sourceRef: 'x' })]],
  '': [['of no source', ({ user: userId }) => ({ userId, source: '', sourceRef: 'x' })]],
};

/** What refuses lots of each source: their own guards, and not some other fault of the forgery. */
const GUARDS: Readonly<Record<string, RegExp>> = {
  registration: /first thing that a user has|quota_grants_registration_once|uk_grant_source/,
  membership: /quota_grants: |quota_grants_(order|membership)/,
  gift: /needs its approved campaign|gift_campaigns_budget|quota_grants_order/,
  compensation: /units that came back/,
};

/** R10.3: nothing but a registration, a paid order, an approved campaign and units that came back too late makes quota. */
describe('nothing else can create quota', () => {
  test('every source that the schema knows is tried below', async () => {
    const [row] = await db.query(
      `SELECT CHECK_CLAUSE AS clause FROM information_schema.CHECK_CONSTRAINTS
       WHERE CONSTRAINT_SCHEMA = DATABASE() AND CONSTRAINT_NAME = 'quota_grants_sources'`,
    );
    const known = [...String(row?.['clause']).matchAll(/'(\w+)'/g)].map(([, source]) => source);
    expect(known.sort()).toEqual(['compensation', 'gift', 'membership', 'registration']);
    expect(Object.keys(WAYS)).toEqual(expect.arrayContaining(known));
  });

  const all = Object.entries(WAYS).flatMap(([source, ways]) =>
    ways.map(([what, forgery]) => [source === '' ? 'nameless' : source, what, forgery] as const),
  );

  test.each(all)('a %s lot %s is refused', async (source, _what, forgery) => {
    for (const account of ['app', 'root'] as const) {
      const refusal = await forge(account, forgery(grounds));
      expect(REFUSED).toContain(Number(refusal.split(' ')[0]));
      expect(refusal).toMatch(GUARDS[source] ?? /quota_grants_sources/);
    }
  });

  test('what is refused above for want of its ground is taken where the ground is there', async () => {
    const { user, open, late } = grounds;
    expect(await forge('app', gift(user, open))).toBe('taken');
    expect(await forge('app', cameBack(late))).toBe('taken');
    expect(await forge('app', newcomer('2026-12-01'))).toBe('taken');
  });

  test('a lot that is there never gets bigger, another source, or a longer life, by anybody', async () => {
    const { user } = grounds;
    const changes = ['amount = amount + 1', "source = 'gift'", "source_ref = 'x'", "expire_time = '2099-01-01'"];
    for (const change of [...changes, 'expire_time = NULL', 'create_time = create_time + INTERVAL 1 DAY']) {
      const sql = `UPDATE quota_grants SET ${change} WHERE user_id = ?`;
      expect(privilege).toContain(await errnoOf(db, sql, 'app', [user]));
      expect(trigger).toContain(await errnoOf(db, sql, 'root', [user]));
    }
    const more = 'UPDATE quota_grants SET remaining = amount + 1 WHERE user_id = ?';
    expect(REFUSED).toContain(await errnoOf(db, more, 'root', [user]));
  });

  test('a balance never grows without a row in the log', async () => {
    const sql = 'UPDATE users SET quota_remaining = quota_remaining + 1 WHERE id = ?';
    expect(trigger).toContain(await errnoOf(db, sql, 'root', [grounds.user]));
  });
});
