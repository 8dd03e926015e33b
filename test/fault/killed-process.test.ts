import { ConsumeQuotaRequest, type ConsumeQuotaResponse } from '../../src/gen/billing/v1/quota_service.pb';
import { call, mustSucceed } from '../support/clients';
import { newId } from '../support/harness';
import { provenLog } from '../support/ledger-proof';
import { setStage, type Stage } from '../support/service-process';
import { untilAnswered } from '../support/until-answered';

/** Must show 6, lessons 2, 17: an acknowledged consume survives kill -9 exactly once, and a retry adds nothing. */
describe('kill -9 while 32 callers consume', () => {
  const CALLERS = 32;
  const CALLS_EACH = 12;
  const KILL_AFTER = 100;
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage();
  });
  afterAll(() => stage.close());

  test('callers retry with the same ids: each consume is there once, every chain verifies, Σ = balance', async () => {
    const first = await stage.start();
    const members = await Promise.all(Array.from({ length: 4 }, () => stage.registerMember()));
    const { quota } = stage.as('ai-task-service');
    const acknowledged = new Map<string, ConsumeQuotaResponse>();
    const userOf = new Map<string, string>();
    let lost = 0;

    const consumeUntilAcknowledged = async (userId: string, requestId: string): Promise<void> => {
      const request = ConsumeQuotaRequest.fromPartial({ userId, requestId, amount: 1, taskId: requestId });
      const attempt = () => call(quota.consumeQuota.bind(quota), request, 10_000);
      const reply = await untilAnswered(quota, attempt, () => (lost += 1));
      acknowledged.set(requestId, await mustSucceed(Promise.resolve(reply)));
    };
    const caller = async (index: number): Promise<void> => {
      const { userId } = members[index % members.length] ?? { userId: '' };
      for (let count = 0; count < CALLS_EACH; count += 1) {
        const requestId = newId('kill');
        userOf.set(requestId, userId);
        await consumeUntilAcknowledged(userId, requestId);
        if (acknowledged.size === KILL_AFTER) first.kill('SIGKILL');
      }
    };
    const restart = first.ended.then(async (end) => {
      expect(end).toEqual({ code: null, signal: 'SIGKILL' });
      await stage.start();
    });
    await Promise.all([restart, ...Array.from({ length: CALLERS }, (_, index) => caller(index))]);
    expect(lost).toBeGreaterThan(0);
    expect(acknowledged.size).toBe(CALLERS * CALLS_EACH);

    const stored: unknown[] = [];
    for (const { userId } of members) {
      const consumes = (await provenLog(stage.db, userId)).filter(({ type }) => type === 'CONSUME');
      for (const row of consumes) {
        const answer = acknowledged.get(String(row['request_id']));
        expect(answer?.log).toMatchObject({ userId, sequence: row['sequence'], amount: -1 });
        expect(answer?.log?.hash).toBe((row['hash'] as Buffer).toString('hex'));
        stored.push(row['request_id']);
      }
    }
    expect(stored.sort()).toEqual([...acknowledged.keys()].sort());

    const replay = async ([requestId, answer]: [string, ConsumeQuotaResponse]): Promise<void> => {
      const fields = { userId: userOf.get(requestId) ?? '', requestId, amount: 1, taskId: requestId };
      const again = await mustSucceed(call(quota.consumeQuota.bind(quota), ConsumeQuotaRequest.fromPartial(fields)));
      expect([again.replayed, again.log]).toEqual([true, answer.log]);
    };
    const all = [...acknowledged];
    const replayEvery = async (first: number): Promise<void> => {
      for (const entry of all.filter((_, index) => index % CALLERS === first)) await replay(entry);
    };
    await Promise.all(Array.from({ length: CALLERS }, (_, index) => replayEvery(index)));
    const [count] = await stage.db.query('SELECT COUNT(*) AS logs FROM quota_logs WHERE request_id LIKE ?', ['kill-%']);
    expect(count).toEqual({ logs: CALLERS * CALLS_EACH });
  }, 120_000);
});
