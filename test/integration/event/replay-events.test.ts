import { EventDeliveryState, EventReplayState } from '../../../src/gen/billing/v1/event_service.pb';
import { EVENT_CATALOG, isKnownType } from '../../../src/event/event-catalog';
import { trimOutbox } from '../../../src/event';
import { call, mustSucceed } from '../../support/clients';
import { billingAs } from '../../support/command';
import { firstSeenOf } from '../../support/event-proof';
import { EventReader } from '../../support/event-reader';
import { consume, newId, registerMember, startHarness, until, type Harness } from '../../support/harness';
import { refundOf, untilRefunds } from '../../support/refund-calls';
import { openServiceDatabase } from '../../support/service-database';

let h: Harness;
let reader: EventReader;
const SINKS = [
  {
    name: 'void',
    kind: 'webhook',
    url: 'http://127.0.0.1:1/',
    secrets: [`whsec_${'A'.repeat(32)}`],
    types: ['refund.succeeded'],
  },
];
beforeAll(async () => {
  h = await startHarness({ EVENT_SINKS: JSON.stringify(SINKS) });
  reader = new EventReader(h.infra.redisUrl, `${h.db.name}.events`);
});
afterAll(async () => {
  reader.close();
  await h.stop();
});

const events = () => h.as('operations').event;
const replay = (
  fields: { requestId?: string; fromTime?: Date; fromEventId?: string },
  as: 'operations' | 'finance' = 'operations',
) => {
  const { event } = h.as(as);
  const request = { requestId: newId('r'), fromTime: undefined, fromEventId: '', ...fields };
  return call(event.replayEvents.bind(event), request);
};
const untilTyped = (userId: string, type: string, times: number): Promise<void> =>
  until(`${type} was seen`, async () => {
    await reader.poll();
    return reader.seen.filter((event) => event.subject === userId && event.type === type).length >= times;
  });

/** Issue 6: `billing events replay --from`, and what people see of events on their way. */
describe('EventService', () => {
  test('what a member does is told in order, each event as its schema says', async () => {
    const { userId, orderId } = await registerMember(h);
    await mustSucceed(consume(h, { requestId: 'c', userId, amount: 3 }));
    await refundOf(h, { userId, orderId });
    await untilRefunds(h, orderId, ['succeeded']);
    await untilTyped(userId, 'order.refunded', 1);
    await untilTyped(userId, 'refund.succeeded', 1);
    const seen = firstSeenOf(reader.seen, userId);
    expect(seen.map(({ type }) => type)).toEqual(
      expect.arrayContaining([
        'user.registered',
        'order.paid',
        'payment.applied',
        'membership.started',
        'refund.requested',
      ]),
    );
    for (const { type, data } of reader.seen) {
      expect({ type, known: isKnownType(type) }).toEqual({ type, known: true });
      if (!isKnownType(type)) continue;
      const parsed = EVENT_CATALOG[type].data.strict().safeParse(data);
      expect({ type, data, problems: parsed.error?.issues ?? [] }).toEqual({ type, data, problems: [] });
    }
  });

  test('a replay from an event puts it and all later ones on the stream again, in order, then what is new', async () => {
    const { userId } = await registerMember(h);
    await untilTyped(userId, 'order.paid', 1);
    const before = reader.seen.filter(({ subject }) => subject === userId);
    const [first] = before;
    const length = reader.seen.length;
    const requestId = newId('r');
    const answer = await mustSucceed(replay({ requestId, fromEventId: first?.id ?? '' }));
    expect(answer).toMatchObject({ replayed: false, replay: { state: EventReplayState.REQUESTED } });
    expect(answer.replay?.fromEventId).toBe(first?.id.split('.')[0]);
    await untilTyped(userId, 'order.paid', 2);
    await mustSucceed(consume(h, { requestId: 'c', userId, amount: 1 }));
    await until('the replay is over', async () => {
      const { replays } = await mustSucceed(call(events().getEventStatus.bind(events()), {}));
      return replays[0]?.state === EventReplayState.DONE;
    });
    await until('the consume was seen', async () => {
      await reader.poll();
      return reader.seen.at(-1)?.subject === userId && reader.seen.at(-1)?.type === 'quota.changed';
    });
    const again = reader.seen.slice(length).filter(({ subject }) => subject === userId);
    expect(again.slice(0, before.length)).toEqual(before);
    expect(again).toHaveLength(before.length + 1);

    const repeated = await mustSucceed(replay({ requestId, fromEventId: first?.id ?? '' }));
    expect(repeated).toMatchObject({ replayed: true, replay: { replayId: answer.replay?.replayId } });
    expect(await replay({ requestId, fromEventId: '1' })).toMatchObject({ ok: false, reason: 'REQUEST_ID_REUSED' });
    const audits = await h.db.query("SELECT actor FROM audit_logs WHERE action = 'ReplayEvents' AND cause = ?", [
      requestId,
    ]);
    expect(audits).toHaveLength(1);
    expect(audits[0]?.['actor']).toContain('operations');
  });

  test('a replay from an instant takes what happened since, with a minute before it', async () => {
    const { userId } = await registerMember(h);
    await untilTyped(userId, 'order.paid', 1);
    h.clock.advanceMs(600_000);
    const fromTime = h.clock.now();
    await mustSucceed(consume(h, { requestId: 'late', userId, amount: 1 }));
    const told = () => reader.seen.filter(({ subject, type }) => subject === userId && type === 'quota.changed');
    await untilTyped(userId, 'quota.changed', 3);
    const last = told().at(-1);
    const length = reader.seen.length;
    await mustSucceed(replay({ fromTime }));
    await until('it came again', async () => {
      await reader.poll();
      return reader.seen.slice(length).some(({ id }) => id === last?.id);
    });
    expect(
      reader.seen.slice(length).filter(({ subject, type }) => subject === userId && type === 'order.paid'),
    ).toEqual([]);
  });

  test('replays that name nothing, two things, or what is not there are refused and leave nothing behind', async () => {
    const count = async () => (await h.db.query('SELECT COUNT(*) AS n FROM event_replays'))[0]?.['n'];
    const before = await count();
    for (const fields of [
      {},
      { fromTime: new Date(0), fromEventId: '1' },
      { fromEventId: 'x' },
      { fromEventId: '0' },
    ]) {
      expect(await replay(fields)).toMatchObject({ ok: false, reason: 'INVALID_REQUEST' });
    }
    expect(await replay({ fromEventId: '999999999999' })).toMatchObject({ ok: false, reason: 'EVENT_NOT_FOUND' });
    const future = new Date(h.clock.now().getTime() + 3_600_000);
    expect(await replay({ fromTime: future })).toMatchObject({ ok: false, reason: 'EVENT_NOT_FOUND' });
    expect(await replay({ fromEventId: '1' }, 'finance')).toMatchObject({ ok: false, reason: 'CALLER_NOT_ALLOWED' });
    expect(await count()).toBe(before);
  });

  test('a delivery that failed is seen with its reason, and tried again from the command line', async () => {
    const listed = () =>
      mustSucceed(
        call(events().listEventDeliveries.bind(events()), {
          ...{ state: EventDeliveryState.UNSPECIFIED, sink: 'void', pageSize: 1, pageToken: '' },
        }),
      );
    await until('the first attempt failed', async () => (await listed()).deliveries[0]?.lastError === 'ECONNREFUSED');
    const [delivery] = (await listed()).deliveries;
    const id = delivery?.deliveryId ?? '';
    await h.db.query(
      "UPDATE event_deliveries SET state = 'failed', next_attempt_time = NULL, end_time = NOW(3), attempts = 10 WHERE id = ?",
      [id],
    );
    const status = await billingAs(h, 'operations', ['events', 'status', '--json']);
    expect(JSON.parse(status.stdout)).toMatchObject({ sinks: [{ sink: 'void', pending: 0, failed: 1 }] });
    const failed = await billingAs(h, 'operations', ['events', 'deliveries', '--state', 'failed', '--json']);
    expect(JSON.parse(failed.stdout)).toMatchObject([
      { delivery: id, last_error: 'ECONNREFUSED', type: 'refund.succeeded' },
    ]);
    const retried = await billingAs(h, 'operations', ['events', 'retry', id, '--json']);
    expect(JSON.parse(retried.stdout)).toMatchObject({ delivery_id: id, replayed: false });
    await until('it was tried again', async () => (await listed()).deliveries[0]?.attempts === 1);
    const missing = await billingAs(h, 'operations', ['events', 'retry', '999999', '--json']);
    expect(missing.code).not.toBe(0);
    expect(missing.stderr).toContain('EVENT_DELIVERY_NOT_FOUND');
  });

  test('the command line replays, and tells its request id', async () => {
    const done = await billingAs(h, 'operations', ['events', 'replay', '--from', '1', '--json']);
    expect(JSON.parse(done.stdout)).toMatchObject({ from_event_id: '1', state: 'REQUESTED', replayed: false });
    const table = await billingAs(h, 'operations', ['events', 'status']);
    expect(table.stdout).toContain('replays');
  });
});

describe('trimOutbox', () => {
  test('deletes what was delivered a week ago, and neither what waits nor what a delivery waits for', async () => {
    const db = openServiceDatabase(h.infra, h.db);
    try {
      const now = new Date(h.clock.now().getTime() + 8 * 86_400_000);
      const [wanted] = await h.db.query("SELECT MIN(outbox_id) AS id FROM event_deliveries WHERE state = 'pending'");
      const rows = async () => (await h.db.query('SELECT id FROM outbox ORDER BY id')).map(({ id }) => Number(id));
      const before = await rows();
      expect(await trimOutbox(db, h.clock.now())).toBe(0);
      expect(await rows()).toEqual(before);
      expect(await trimOutbox(db, now)).toBeGreaterThan(0);
      expect((await rows())[0]).toBe(Number(wanted?.['id']));
    } finally {
      await db.knex.destroy();
    }
  });
});
