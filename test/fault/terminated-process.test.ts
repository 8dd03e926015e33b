import { ConsumeQuotaRequest } from '../../src/gen/billing/v1/quota_service.pb';
import { HealthCheckResponse_ServingStatus as Serving, HealthClient } from '../../src/gen/grpc/health/v1/health.pb';
import { call, credentialsOf } from '../support/clients';
import { newId, until } from '../support/harness';
import { provenLog } from '../support/ledger-proof';
import { setStage, type Stage } from '../support/service-process';

/** Must show 10: SIGTERM under load loses nothing that was begun and takes in nothing new. */
describe('SIGTERM under load', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage({ DRAIN_NOTICE_MS: '1000' });
  });
  afterAll(() => stage.close());

  test('health says NOT_SERVING, calls in flight finish, new ones are UNAVAILABLE, exit 0 within 10 s', async () => {
    const service = await stage.start();
    const [busy, blocked] = [await stage.registerMember(), await stage.registerMember()];
    const { quota } = stage.as('ai-task-service');
    const health = new HealthClient(stage.grpcAddress, credentialsOf(stage.infra.tlsDir, 'auditor'), {
      'grpc.ssl_target_name_override': 'localhost',
    });
    const isServing = async (): Promise<boolean> => {
      const reply = await call(health.check.bind(health), { service: '' }, 2_000);
      return reply.ok && reply.response.status === Serving.SERVING;
    };
    const consume = (userId: string, requestId: string) =>
      call(quota.consumeQuota.bind(quota), ConsumeQuotaRequest.fromPartial({ userId, requestId, amount: 1 }), 8_000);

    // A call that can not end before its user's row is let go.
    const holder = await stage.db.connect('root');
    await holder.query('START TRANSACTION');
    await holder.query('SELECT id FROM users WHERE id = ? FOR UPDATE', [blocked.userId]);
    const inFlight = consume(blocked.userId, 'in-flight');

    const acknowledged: string[] = [];
    const refusals: string[] = [];
    const caller = async (): Promise<void> => {
      while (refusals.length < 500) {
        const requestId = newId('term');
        const reply = await consume(busy.userId, requestId);
        if (reply.ok) acknowledged.push(requestId);
        else if (reply.reason === 'QUOTA_INSUFFICIENT') return;
        else {
          refusals.push(`${reply.code} ${reply.reason}`);
          return;
        }
      }
    };
    const callers = Promise.all(Array.from({ length: 8 }, caller));
    await until('calls are being answered', () => Promise.resolve(acknowledged.length > 20));
    expect(await isServing()).toBe(true);

    const askedAtMs = performance.now();
    service.kill('SIGTERM');
    await until('health says NOT_SERVING', async () => !(await isServing()));
    const late = await consume(busy.userId, 'too-late');
    expect(late).toMatchObject({ ok: false, code: 'UNAVAILABLE', reason: 'SHUTTING_DOWN' });
    await holder.query('COMMIT');
    await holder.end();

    expect(await inFlight).toMatchObject({ ok: true, response: { replayed: false } });
    await callers;
    expect(refusals.length).toBeGreaterThan(0);
    for (const refusal of refusals) expect(refusal).toMatch(/^UNAVAILABLE/);
    expect(await service.ended).toEqual({ code: 0, signal: null });
    expect(performance.now() - askedAtMs).toBeLessThan(10_000);
    expect(service.logs.at(-1)).toMatchObject({ msg: 'stopped' });
    expect(service.logs.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
    health.close();

    const rows = await provenLog(stage.db, busy.userId);
    const stored = rows.filter(({ type }) => type === 'CONSUME').map((row) => row['request_id']);
    expect(stored.sort()).toEqual(acknowledged.sort());
    const held = await provenLog(stage.db, blocked.userId);
    expect(held.filter((row) => row['request_id'] === 'in-flight')).toHaveLength(1);
  }, 60_000);
});
