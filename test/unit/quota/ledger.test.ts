import { MemoryLedger } from '../../support/memory-ledger';
import { EPOCH } from '../../support/quota-account';

const DAY_MS = 86_400_000;
const GRACE_DAYS = 7;

/** A ledger with 10 registration units for 30 days, of which `c` took 4. */
function ledgerWithConsume(): MemoryLedger {
  const ledger = new MemoryLedger(EPOCH, GRACE_DAYS);
  ledger.grant('registration', 'registration', 10, day(30));
  ledger.consume('c', 4);
  return ledger;
}

function day(count: number): Date {
  return new Date(EPOCH.getTime() + count * DAY_MS);
}

function lastRows(ledger: MemoryLedger, count: number): string[] {
  return ledger.rows.slice(-count).map((row) => `${row.type} ${row.amount} → ${row.quotaRemaining}`);
}

describe('a consume', () => {
  test('books what expired first, so that an expired unit is never spent, and says so in rows of its own', () => {
    const ledger = ledgerWithConsume();
    ledger.grant('membership', 'order-1', 5, day(60));
    ledger.now = day(30);
    expect(ledger.consume('late', 5)).toEqual({ moved: 5 });
    expect(lastRows(ledger, 2)).toEqual(['EXPIRE -6 → 5', 'CONSUME -5 → 0']);
    expect(ledger.rows.at(-2)).toMatchObject({ origin: 'system', lots: [[1, -6]] });
  });

  test('that is refused posts nothing, not even the expiry it saw (lesson 1)', () => {
    const ledger = ledgerWithConsume();
    ledger.now = day(30);
    const before = [...ledger.rows];
    expect(ledger.consume('late', 1)).toEqual({ refused: 'QUOTA_INSUFFICIENT' });
    expect(ledger.rows).toEqual(before);
    expect(ledger.balance).toBe(6);
  });

  test('that was refused is judged afresh when it comes again (lesson 5)', () => {
    const ledger = ledgerWithConsume();
    expect(ledger.consume('big', 8)).toEqual({ refused: 'QUOTA_INSUFFICIENT' });
    ledger.grant('membership', 'order-1', 5, null);
    expect(ledger.consume('big', 8)).toEqual({ moved: 8 });
  });

  test('with the id of a refund, or a refund with the id of a consume, is a reused id', () => {
    const ledger = ledgerWithConsume();
    ledger.refund('r', 'c', 1);
    expect(ledger.consume('r', 1)).toEqual({ refused: 'REQUEST_ID_REUSED' });
    expect(ledger.refund('c', 'c', 1)).toEqual({ refused: 'REQUEST_ID_REUSED' });
  });
});

describe('a refund whose lot expired meanwhile', () => {
  test('is returned, ends at once, and comes back as a compensation that lives seven days', () => {
    const ledger = ledgerWithConsume();
    ledger.now = day(31);
    expect(ledger.refund('r', 'c', 0)).toEqual({ moved: 4 });
    expect(lastRows(ledger, 4)).toEqual(['EXPIRE -6 → 0', 'REFUND 4 → 4', 'EXPIRE -4 → 0', 'GRANT 4 → 4']);
    expect(ledger.lots.at(-1)).toMatchObject({ source: 'compensation', amount: 4, remaining: 4, expireTime: day(38) });
    expect(ledger.lots[0]).toMatchObject({ remaining: 0 });
  });

  test('at the very instant of expiry counts as expired; one millisecond before, it does not', () => {
    const before = ledgerWithConsume();
    before.now = new Date(day(30).getTime() - 1);
    before.refund('r', 'c', 0);
    expect(lastRows(before, 1)).toEqual(['REFUND 4 → 10']);
    const exactly = ledgerWithConsume();
    exactly.now = day(30);
    exactly.refund('r', 'c', 0);
    expect(lastRows(exactly, 1)).toEqual(['GRANT 4 → 4']);
  });

  test('keeps the first deadline however often units come back to it (lesson 28)', () => {
    const ledger = ledgerWithConsume();
    ledger.now = day(31);
    ledger.refund('r1', 'c', 1);
    ledger.now = day(35);
    ledger.refund('r2', 'c', 1);
    const compensations = ledger.lots.filter((lot) => lot.source === 'compensation');
    expect(compensations.map((lot) => lot.expireTime)).toEqual([day(38), day(38)]);
  });

  test('after the deadline returns and ends, and compensates nothing', () => {
    const ledger = ledgerWithConsume();
    ledger.now = day(31);
    ledger.refund('r1', 'c', 1);
    ledger.now = day(38);
    expect(ledger.refund('r2', 'c', 0)).toEqual({ moved: 3 });
    expect(lastRows(ledger, 3)).toEqual(['EXPIRE -1 → 0', 'REFUND 3 → 3', 'EXPIRE -3 → 0']);
    expect(ledger.balance).toBe(0);
  });

  test('of another task has its own grace: nobody loses units because somebody else came back first (R10.5)', () => {
    const ledger = ledgerWithConsume();
    ledger.consume('d', 2);
    ledger.now = day(31);
    ledger.refund('r1', 'c', 0);
    ledger.now = day(39);
    expect(ledger.refund('r2', 'd', 0)).toEqual({ moved: 2 });
    expect(ledger.lots.at(-1)).toMatchObject({ source: 'compensation', remaining: 2, expireTime: day(46) });
  });

  test('gives a compensation that expired no new life', () => {
    const ledger = ledgerWithConsume();
    ledger.now = day(31);
    ledger.refund('r1', 'c', 0);
    expect(ledger.consume('c2', 4)).toEqual({ moved: 4 });
    ledger.now = day(38);
    expect(ledger.refund('r2', 'c2', 0)).toEqual({ moved: 4 });
    expect(lastRows(ledger, 2)).toEqual(['REFUND 4 → 4', 'EXPIRE -4 → 0']);
    expect(ledger.lots.filter((lot) => lot.source === 'compensation')).toHaveLength(1);
  });

  test('compensates only the lots that expired; the others simply have their units again', () => {
    const ledger = new MemoryLedger(EPOCH, GRACE_DAYS);
    ledger.grant('registration', 'registration', 3, day(1));
    ledger.grant('membership', 'order-1', 5, day(30));
    ledger.consume('c', 6);
    ledger.now = day(2);
    ledger.refund('r', 'c', 0);
    expect(lastRows(ledger, 3)).toEqual(['REFUND 6 → 8', 'EXPIRE -3 → 5', 'GRANT 3 → 8']);
    expect(ledger.lots.map((lot) => [lot.source, lot.remaining])).toEqual([
      ['registration', 0],
      ['membership', 5],
      ['compensation', 3],
    ]);
  });
});

describe('rows of the service and rows of callers', () => {
  test("never share an id space, so a caller can not block the service's rows", () => {
    const ledger = new MemoryLedger(EPOCH, GRACE_DAYS);
    ledger.grant('registration', 'registration', 10, day(1));
    expect(ledger.consume('expire:1:3', 1)).toEqual({ moved: 1 });
    ledger.now = day(1);
    ledger.grant('membership', 'order-1', 5, null);
    expect(ledger.rows.map((row) => `${row.origin} ${row.requestId}`)).toEqual([
      'system grant:registration:registration',
      'caller expire:1:3',
      'system expire:1:3',
      'system grant:membership:order-1',
    ]);
  });
});
