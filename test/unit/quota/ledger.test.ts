import { MemoryLedger } from '../../support/memory-ledger';
import { commandOf, EPOCH, POLICY } from '../../support/quota-account';
import type { Verdict } from '../../support/quota-oracle-units';

const DAY_MS = 86_400_000;

function consume(ledger: MemoryLedger, requestId: string, amount: number, taskId = ''): Verdict {
  return ledger.decide(commandOf.consume({ requestId, amount, taskId }));
}

function refund(ledger: MemoryLedger, requestId: string, consumeRequestId: string, amount: number): Verdict {
  return ledger.decide(commandOf.refund({ requestId, consumeRequestId, amount }));
}

/** A ledger with 10 registration units for 30 days, of which `c` took 4. */
function ledgerWithConsume(): MemoryLedger {
  const ledger = new MemoryLedger(EPOCH, POLICY);
  ledger.grant('registration', 'registration', 10, day(30));
  consume(ledger, 'c', 4);
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
    expect(consume(ledger, 'late', 5)).toMatchObject({ rows: ['CONSUME 5'] });
    expect(lastRows(ledger, 2)).toEqual(['EXPIRE -6 → 5', 'CONSUME -5 → 0']);
    expect(ledger.rows.at(-2)).toMatchObject({ origin: 'system', lots: [[1, -6]] });
  });

  test('that is refused posts nothing, not even the expiry it saw (lesson 1)', () => {
    const ledger = ledgerWithConsume();
    ledger.now = day(30);
    const before = [...ledger.rows];
    expect(consume(ledger, 'late', 1)).toEqual({ refused: 'QUOTA_INSUFFICIENT' });
    expect(ledger.rows).toEqual(before);
    expect(ledger.balance).toBe(6);
  });

  test('that was refused is judged afresh when it comes again (lesson 5)', () => {
    const ledger = ledgerWithConsume();
    expect(consume(ledger, 'big', 8)).toEqual({ refused: 'QUOTA_INSUFFICIENT' });
    ledger.grant('membership', 'order-1', 5, null);
    expect(consume(ledger, 'big', 8)).toMatchObject({ rows: ['CONSUME 8'] });
  });

  test('with the id of a refund, or a refund with the id of a consume, is a reused id', () => {
    const ledger = ledgerWithConsume();
    refund(ledger, 'r', 'c', 1);
    expect(consume(ledger, 'r', 1)).toEqual({ refused: 'REQUEST_ID_REUSED' });
    expect(refund(ledger, 'c', 'c', 1)).toEqual({ refused: 'REQUEST_ID_REUSED' });
  });
});

describe('a refund whose lot expired meanwhile', () => {
  test('is returned, ends at once, and comes back as a compensation that lives seven days', () => {
    const ledger = ledgerWithConsume();
    ledger.now = day(31);
    expect(refund(ledger, 'r', 'c', 0)).toMatchObject({ rows: ['REFUND 4'] });
    expect(lastRows(ledger, 4)).toEqual(['EXPIRE -6 → 0', 'REFUND 4 → 4', 'EXPIRE -4 → 0', 'GRANT 4 → 4']);
    expect(ledger.lots.at(-1)).toMatchObject({ source: 'compensation', amount: 4, remaining: 4, expireTime: day(38) });
    expect(ledger.lots[0]).toMatchObject({ remaining: 0 });
  });

  test('at the very instant of expiry counts as expired; one millisecond before, it does not', () => {
    const before = ledgerWithConsume();
    before.now = new Date(day(30).getTime() - 1);
    refund(before, 'r', 'c', 0);
    expect(lastRows(before, 1)).toEqual(['REFUND 4 → 10']);
    const exactly = ledgerWithConsume();
    exactly.now = day(30);
    refund(exactly, 'r', 'c', 0);
    expect(lastRows(exactly, 1)).toEqual(['GRANT 4 → 4']);
  });

  test('keeps the first deadline however often units come back to it (lesson 28)', () => {
    const ledger = ledgerWithConsume();
    ledger.now = day(31);
    refund(ledger, 'r1', 'c', 1);
    ledger.now = day(35);
    refund(ledger, 'r2', 'c', 1);
    const compensations = ledger.lots.filter((lot) => lot.source === 'compensation');
    expect(compensations.map((lot) => lot.expireTime)).toEqual([day(38), day(38)]);
  });

  test('after the deadline returns and ends, and compensates nothing', () => {
    const ledger = ledgerWithConsume();
    ledger.now = day(31);
    refund(ledger, 'r1', 'c', 1);
    ledger.now = day(38);
    expect(refund(ledger, 'r2', 'c', 0)).toMatchObject({ rows: ['REFUND 3'] });
    expect(lastRows(ledger, 3)).toEqual(['EXPIRE -1 → 0', 'REFUND 3 → 3', 'EXPIRE -3 → 0']);
    expect(ledger.balance).toBe(0);
  });

  test('of another task has its own grace: nobody loses units because somebody else came back first (R10.5)', () => {
    const ledger = ledgerWithConsume();
    consume(ledger, 'd', 2);
    ledger.now = day(31);
    refund(ledger, 'r1', 'c', 0);
    ledger.now = day(39);
    expect(refund(ledger, 'r2', 'd', 0)).toMatchObject({ rows: ['REFUND 2'] });
    expect(ledger.lots.at(-1)).toMatchObject({ source: 'compensation', remaining: 2, expireTime: day(46) });
  });

  test('gives a compensation that expired no new life', () => {
    const ledger = ledgerWithConsume();
    ledger.now = day(31);
    refund(ledger, 'r1', 'c', 0);
    expect(consume(ledger, 'c2', 4)).toMatchObject({ rows: ['CONSUME 4'] });
    ledger.now = day(38);
    expect(refund(ledger, 'r2', 'c2', 0)).toMatchObject({ rows: ['REFUND 4'] });
    expect(lastRows(ledger, 2)).toEqual(['REFUND 4 → 4', 'EXPIRE -4 → 0']);
    expect(ledger.lots.filter((lot) => lot.source === 'compensation')).toHaveLength(1);
  });

  test('compensates only the lots that expired; the others simply have their units again', () => {
    const ledger = new MemoryLedger(EPOCH, POLICY);
    ledger.grant('registration', 'registration', 3, day(1));
    ledger.grant('membership', 'order-1', 5, day(30));
    consume(ledger, 'c', 6);
    ledger.now = day(2);
    refund(ledger, 'r', 'c', 0);
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
    const ledger = new MemoryLedger(EPOCH, POLICY);
    ledger.grant('registration', 'registration', 10, day(1));
    expect(consume(ledger, 'expire:1:3', 1)).toMatchObject({ rows: ['CONSUME 1'] });
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

/** Wrong before: what had expired was counted as usable where a report moved nothing, and so booked no expiry. */
describe('a report about a task that moves nothing', () => {
  test('answers with the units usable now, then and on every repeat (proto: "Units usable after it")', () => {
    const ledger = new MemoryLedger(EPOCH, POLICY);
    ledger.grant('registration', 'registration', 10, day(30));
    consume(ledger, 'c', 4, 'task-1');
    ledger.now = day(30);
    const report = commandOf.outcome({ requestId: 'o', taskId: 'task-1', outcome: 'SUCCEEDED' });
    const answer = { rows: [], quotaRemaining: 0, chargesSettled: 1 };
    expect(ledger.decide(report)).toEqual({ ...answer, replayed: false });
    expect(ledger.decide(report)).toEqual({ ...answer, replayed: true });
    expect(ledger.balance).toBe(6);
    expect(ledger.decide(commandOf.outcome({ ...report, requestId: 'o2' }))).toMatchObject({
      quotaRemaining: 0,
      chargesSettled: 0,
    });
  });
});

describe('a hold', () => {
  test('captured in part frees the units taken last, and its capture is refunded to the lots taken first', () => {
    const ledger = new MemoryLedger(EPOCH, POLICY);
    ledger.grant('registration', 'registration', 3, day(10));
    ledger.grant('membership', 'order-1', 5, day(30));
    ledger.decide(commandOf.hold({ amount: 6 }));
    expect(ledger.lots.map(({ remaining, held }) => [remaining, held])).toEqual([
      [0, 3],
      [2, 3],
    ]);
    expect(ledger.decide(commandOf.capture({ amount: 2 }))).toMatchObject({ rows: ['CAPTURE 2'], hold: 'settled' });
    expect(ledger.lots.map(({ remaining, held }) => [remaining, held])).toEqual([
      [1, 0],
      [5, 0],
    ]);
    expect(refund(ledger, 'r1', 'k-1', 1)).toMatchObject({ rows: ['REFUND 1'], quotaRemaining: 7 });
    expect(refund(ledger, 'r2', 'h-1', 0)).toMatchObject({ rows: ['REFUND 1'], quotaRemaining: 8 });
    expect(refund(ledger, 'r3', 'k-1', 1)).toEqual({ refused: 'REFUND_EXCEEDS_CONSUMED' });
  });

  test('keeps the grace of the policy under which it was made (lesson 30)', () => {
    const ledger = new MemoryLedger(EPOCH, POLICY);
    ledger.grant('registration', 'registration', 3, day(1));
    ledger.decide(commandOf.hold({ amount: 3 }));
    ledger.policy = { ...POLICY, compensationGraceDays: 0 };
    ledger.now = day(2);
    expect(ledger.decide(commandOf.release())).toMatchObject({ rows: ['RELEASE 3'], quotaRemaining: 3 });
    expect(ledger.lots.at(-1)).toMatchObject({ source: 'compensation', expireTime: day(9) });
  });

  test('that is open is no consume, and one that was released is none either', () => {
    const ledger = ledgerWithConsume();
    ledger.decide(commandOf.hold({ amount: 3 }));
    expect(refund(ledger, 'r', 'h-1', 0)).toEqual({ refused: 'CONSUME_NOT_FOUND' });
    ledger.decide(commandOf.release());
    expect(refund(ledger, 'r', 'h-1', 0)).toEqual({ refused: 'CONSUME_NOT_FOUND' });
    expect(refund(ledger, 'r', 'l-1', 0)).toEqual({ refused: 'CONSUME_NOT_FOUND' });
    expect(ledger.decide(commandOf.capture())).toEqual({ refused: 'HOLD_NOT_OPEN' });
  });
});

describe('an id', () => {
  test('of a report is taken for every other kind, and every other id for a report', () => {
    const ledger = ledgerWithConsume();
    consume(ledger, 'c2', 1, 'task-1');
    ledger.decide(commandOf.outcome({ requestId: 'o', taskId: 'task-1' }));
    expect(consume(ledger, 'o', 1)).toEqual({ refused: 'REQUEST_ID_REUSED' });
    expect(ledger.decide(commandOf.hold({ requestId: 'o' }))).toEqual({ refused: 'REQUEST_ID_REUSED' });
    expect(ledger.decide(commandOf.outcome({ requestId: 'c', taskId: 'task-1' }))).toEqual({
      refused: 'REQUEST_ID_REUSED',
    });
  });
});
