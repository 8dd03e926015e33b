import { countOpenAlerts, logOpenedAlerts, raiseAlert, resolveAlert, type Alert } from '../../../src/alert';
import type { Database } from '../../../src/platform/db/database';
import { withTx } from '../../../src/platform/db/tx';
import { createLogger } from '../../../src/platform/log';
import { openTestDatabase, type TestDatabase } from '../../support/database';
import { newId } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { openServiceDatabase } from '../../support/service-database';

/** Must show 7: what people must see is a row, open once however often it happens, and never changed once it is resolved. */
describe('an alert', () => {
  let rows: TestDatabase;
  let db: Database;
  beforeAll(async () => {
    const infra = readInfra();
    rows = await openTestDatabase(infra);
    db = openServiceDatabase(infra, rows);
  });
  afterAll(async () => {
    await db.knex.destroy();
    await rows.close();
  });

  const AT = new Date('2026-07-01T00:00:00Z');
  const LATER = new Date('2026-07-01T00:05:00Z');
  const alertOf = (subjectId: string, amount = 1): Alert => ({
    ...{ kind: 'payment_mismatch', severity: 'critical', subjectType: 'order', subjectId },
    ...{ userId: 'u-1', details: { amount } },
  });
  const raise = (alert: Alert, now: Date) => withTx(db, { name: 'Test' }, (tx) => raiseAlert(tx, alert, now));
  const resolve = (alert: Alert, now: Date) =>
    withTx(db, { name: 'Test' }, (tx) => resolveAlert(tx, alert, 'mended', now));
  const stored = (subjectId: string) =>
    rows.query(
      `SELECT kind, severity, user_id, details, occurrences, open_time, last_time, resolve_time, resolution
       FROM alerts WHERE subject_id = ? ORDER BY open_time`,
      [subjectId],
    );

  test('is opened once; what happens again is counted on it and tells the latest details', async () => {
    const order = newId('o');
    expect(await raise(alertOf(order), AT)).toEqual([alertOf(order)]);
    expect(await raise(alertOf(order, 2), LATER)).toEqual([]);
    const told = { kind: 'payment_mismatch', severity: 'critical', user_id: 'u-1', details: '{"amount":2}' };
    const times = { open_time: AT, last_time: LATER, resolve_time: null, resolution: '' };
    expect(await stored(order)).toEqual([{ ...told, occurrences: 2, ...times }]);
  });

  test('of another kind or subject is another one', async () => {
    const id = newId('o');
    const alerts: Alert[] = [
      alertOf(id),
      { ...alertOf(id), kind: 'order_stuck' },
      { ...alertOf(id), subjectType: 'notification' },
    ];
    for (const alert of alerts) expect(await raise(alert, AT)).toEqual([alert]);
    expect(await stored(id)).toHaveLength(3);
  });

  test('raised 30 times at once is one row that counts 30', async () => {
    const order = newId('o');
    const raised = await Promise.all(Array.from({ length: 30 }, () => raise(alertOf(order), AT)));
    expect(raised.flat()).toEqual([alertOf(order)]);
    expect(await stored(order)).toMatchObject([{ occurrences: 30 }]);
  });

  test('whose transaction is rolled back was never opened', async () => {
    const order = newId('o');
    const failing = withTx(db, { name: 'Test' }, async (tx) => {
      await raiseAlert(tx, alertOf(order), AT);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await stored(order)).toEqual([]);
  });

  test('is resolved once, stays as it is, and the same may be opened again after it', async () => {
    const order = newId('o');
    expect(await resolve(alertOf(order), AT)).toBe(false);
    await raise(alertOf(order), AT);
    expect(await resolve(alertOf(order), LATER)).toBe(true);
    expect(await resolve(alertOf(order), LATER)).toBe(false);
    const resolved = { occurrences: 1, last_time: AT, resolve_time: LATER, resolution: 'mended' };
    expect(await stored(order)).toMatchObject([resolved]);

    expect(await raise(alertOf(order, 2), LATER)).toHaveLength(1);
    expect(await stored(order)).toMatchObject([resolved, { details: '{"amount":2}', resolve_time: null }]);
  });

  test('is counted by kind while it is open, and a kind without one counts 0', async () => {
    const count = async (): Promise<ReadonlyMap<string, number>> => {
      const told = new Map<string, number>();
      expect(await countOpenAlerts(db, (kind, open) => told.set(kind, open))).toBe(0);
      return told;
    };
    const before = await count();
    const alert: Alert = { ...alertOf(newId('o')), kind: 'refund_delayed', subjectType: 'refund' };
    await raise(alert, AT);
    await raise(alert, LATER);
    expect(await count()).toEqual(new Map([...before, ['refund_delayed', 1]]));
    await resolve(alert, LATER);
    expect(await count()).toEqual(before);
    expect(before.get('refund_delayed')).toBe(0);
  });

  test('is logged as an error, with its kind, subject and details', () => {
    const lines: string[] = [];
    const log = createLogger({ level: 'info', role: 'all', destination: { write: (line) => void lines.push(line) } });
    logOpenedAlerts(log, [alertOf('o-1')]);
    const { kind, severity, subjectType, subjectId, details } = alertOf('o-1');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      expect.objectContaining({
        level: 'error',
        msg: 'an alert was opened',
        kind,
        severity,
        subjectType,
        subjectId,
        details,
      }),
    ]);
  });
});
