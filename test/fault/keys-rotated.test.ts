import { PaymentChannel } from '../../src/gen/billing/v1/order_service.pb';
import { KeyRotationState } from '../../src/gen/billing/v1/privacy_service.pb';
import { mustSucceed } from '../support/clients';
import { openTestDatabase, type TestDatabase } from '../support/database';
import { until } from '../support/harness';
import { readInfra } from '../support/infra';
import { makeKeyFile, type KeyFile } from '../support/key-file';
import { createOrderCall, getOrderPaymentCall } from '../support/order-calls';
import { rotate, rotationStatus, sealedBy } from '../support/privacy-calls';
import { insertPayers, openEverything } from '../support/sealed-rows';
import { setStage, type ServiceProcess, type Stage } from '../support/service-process';

const STORED = 2_000;
const CALLERS = 4;
const BATCH = 200;

/** Issue 7, must show 5: keys are rotated under load and no call fails; the old key is not used afterwards; an interrupted rotation goes on. */
describe('keys rotated while the service runs', () => {
  let db: TestDatabase;
  let file: KeyFile;
  let stage: Stage;
  const processes: ServiceProcess[] = [];
  beforeAll(async () => {
    const infra = readInfra();
    file = makeKeyFile(infra.dataKeys);
    db = await openTestDatabase(infra);
    const settings = { DATABASE_URL: db.url, DATA_KEYS_FILE: file.path, SECRET_FILES_POLL_MS: '200' };
    stage = await setStage(settings, 2);
  });
  afterAll(async () => {
    await stage.close();
    await db.close();
    file.remove();
  });

  /** Asks ten times a second, not more: each question costs the processes that rotate some of their time. */
  const isDone = async (): Promise<boolean> => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    return (await rotationStatus(stage)).rotation?.state === KeyRotationState.DONE;
  };

  test('two processes under load: no call fails, everything opens with the new key alone, the old one may go', async () => {
    await insertPayers(db, file.cipher('k1'), 'STORED', STORED);
    for (const place of stage.places) processes.push(await place.start());
    let calls = 0;
    let isOver = false;
    const paid: string[] = [];
    // Every call seals or opens: an order by openid, its prepay again, its notification.
    const caller = async (index: number): Promise<void> => {
      const place = stage.places[index % 2];
      if (place === undefined) throw new Error('no such place');
      const userId = await stage.register();
      for (let n = 0; !isOver; n += 1) {
        const fields = { userId, channel: PaymentChannel.JSAPI, openid: `openid-${index}-${n}` };
        const { order } = await mustSucceed(createOrderCall(place, fields));
        const orderId = order?.orderId ?? '';
        await mustSucceed(getOrderPaymentCall(stage.places[(index + 1) % 2] ?? place, userId, orderId));
        if (n % 3 === 0) {
          await stage.pay(orderId);
          paid.push(orderId);
        }
        calls += 3;
      }
    };
    const load = Promise.all(Array.from({ length: CALLERS }, (_, index) => caller(index)));
    const untilCalls = (more: number): Promise<void> => {
      const goal = calls + more;
      return Promise.race([
        until('the load goes on', () => Promise.resolve(calls >= goal), 60_000),
        load.then(() => undefined),
      ]);
    };
    await untilCalls(30);
    file.write('k2', 'k1');
    await mustSucceed(rotate(stage, 'k2'));
    const callsBefore = calls;
    await until('the rotation is done', isDone, 120_000);
    expect(calls).toBeGreaterThan(callsBefore);
    file.write('k2');
    await untilCalls(60);
    isOver = true;
    await load;

    expect(await sealedBy(stage)).toEqual({ k2: expect.any(Number) as unknown });
    const opened = await openEverything(db, file.cipher('k2'));
    const stored = opened.filter(({ place, text }) => text === `payer of ${place.split(' ')[1]}`);
    expect(stored).toHaveLength(STORED);
    expect(new Set(opened.map(({ keyId }) => keyId))).toEqual(new Set(['k2']));
    await until('every payment is booked', async () => {
      const [row] = await db.query("SELECT COUNT(*) AS n FROM orders WHERE status = 'paid'");
      return Number(row?.['n']) === paid.length;
    });
    const errors = processes.flatMap(({ logs }) => logs).filter(({ level }) => level === 'error');
    expect(errors).toEqual([]);
  }, 300_000);

  test('killed in the middle: nothing is lost or unreadable, and another process finishes what is left, each value once', async () => {
    await insertPayers(db, file.cipher('k2'), 'KILLED', STORED);
    file.write('k3', 'k2');
    const before = (await openEverything(db, file.cipher('k2', 'k3'))).map(({ place, text }) => `${place} ${text}`);
    const { rotation } = await mustSucceed(rotate(stage, 'k3'));
    const resealed = async (): Promise<number> => {
      const [row] = await db.query('SELECT SUM(resealed) AS n FROM key_rotation_columns WHERE rotation_id = ?', [
        rotation?.rotationId,
      ]);
      return Number(row?.['n']);
    };
    await until('some are sealed anew', async () => (await resealed()) >= 2 * BATCH, 60_000);
    for (const { kill } of processes) kill('SIGKILL');
    await Promise.all(processes.map(({ ended }) => ended));
    const done = await resealed();
    expect(done).toBeLessThan(before.length);
    const cut = await openEverything(db, file.cipher('k3', 'k2'));
    expect(cut.map(({ place, text }) => `${place} ${text}`)).toEqual(before);
    // A batch is done with its count, or not at all.
    expect(cut.filter(({ keyId }) => keyId === 'k3')).toHaveLength(done);

    await stage.places[1]?.start();
    await until(
      'the rotation is done',
      async () => {
        const [row] = await db.query('SELECT state FROM key_rotations WHERE id = ?', [rotation?.rotationId]);
        return row?.['state'] === 'done';
      },
      60_000,
    );
    const opened = await openEverything(db, file.cipher('k3'));
    expect(opened.map(({ place, text }) => `${place} ${text}`)).toEqual(before);
    expect(await resealed()).toBe(before.length);
  }, 300_000);
});
