import { TariffState, type SetTaskTariffRequest } from '../../../src/gen/billing/v1/catalog_service.pb';
import { PlanStatus } from '../../../src/gen/billing/v1/catalog_service.pb';
import {
  catalogState,
  DAY_MS,
  listTariffsCall,
  makePlan,
  makeTariff,
  MINUTE_MS,
  planStatusCall,
  setTariffCall,
  tracesOf,
  yearly,
} from '../../support/catalog-calls';
import { mustSucceed } from '../../support/clients';
import { newId, startHarness, type Harness } from '../../support/harness';

let h: Harness;
beforeAll(async () => {
  h = await startHarness();
});
afterAll(() => h.stop());

const inMs = (ms: number): Date => new Date(h.clock.now().getTime() + ms);

/** R2.3: what a task costs is said by operations, and known everywhere before it holds. */
describe('SetTaskTariff', () => {
  test('adds a tariff from a minute on, audited, with one event', async () => {
    const [taskType, requestId] = [newId('t'), newId('r')];
    const before = h.clock.now().getTime();
    const tariff = await makeTariff(h, { taskType, requestId, units: 3, feature: 'image.upscale' });
    const lead = (tariff.validFrom?.getTime() ?? 0) - before;
    expect(lead).toBeGreaterThanOrEqual(MINUTE_MS);
    expect(lead).toBeLessThan(2 * MINUTE_MS);
    expect(tariff).toMatchObject({
      ...{ taskType, units: 3, feature: 'image.upscale', unlisted: false },
      ...{ state: TariffState.ANNOUNCED, validTo: undefined },
    });
    const { audit, events } = await tracesOf(h, 'tariff', taskType);
    expect(audit).toMatchObject([
      { action: 'SetTaskTariff', actor: 'spiffe://billing/operations/operations', user_id: null, cause: requestId },
    ]);
    const after = { tariff_id: tariff.tariffId, units: 3, feature: 'image.upscale' };
    expect(JSON.parse(String(audit[0]?.['after_state']))).toMatchObject(after);
    expect(events).toMatchObject([{ type: 'tariff.set', user_id: null }]);
    expect(JSON.parse(String(events[0]?.['payload']))).toMatchObject({ task_type: taskType, ...after });
  });

  test('is mended by the next: each holds until the next one starts, and unlisting is one of them', async () => {
    const taskType = newId('t');
    const [soon, later, last] = [inMs(2 * MINUTE_MS), inMs(10 * MINUTE_MS), inMs(20 * MINUTE_MS)];
    await makeTariff(h, { taskType, units: 2, validFrom: soon });
    await makeTariff(h, { taskType, unlisted: true, units: 0, feature: '', validFrom: last });
    // Between two that are announced.
    await makeTariff(h, { taskType, units: 5, validFrom: later });
    const shown = async (includePast: boolean) => {
      const { tariffs } = await mustSucceed(listTariffsCall(h, { taskType, includePast }));
      return tariffs.map(({ units, unlisted, state, validFrom, validTo }) => [
        units,
        unlisted,
        state,
        validFrom,
        validTo,
      ]);
    };
    const { ANNOUNCED, IN_FORCE, PAST } = TariffState;
    expect(await shown(true)).toEqual([
      [2, false, ANNOUNCED, soon, later],
      [5, false, ANNOUNCED, later, last],
      [0, true, ANNOUNCED, last, undefined],
    ]);
    h.clock.advanceMs(10 * MINUTE_MS);
    const now = [
      [5, false, IN_FORCE, later, last],
      [0, true, ANNOUNCED, last, undefined],
    ];
    expect(await shown(false)).toEqual(now);
    expect(await shown(true)).toEqual([[2, false, PAST, soon, later], ...now]);
    const { audit } = await tracesOf(h, 'tariff', taskType);
    expect(audit.map((row) => (JSON.parse(String(row['before_state'])) as { units?: number } | null)?.units)).toEqual([
      undefined,
      2,
      2,
    ]);
  });

  test('with the same id again changes nothing, however late; with other content it is REQUEST_ID_REUSED (lessons 6, 8)', async () => {
    const fields = { requestId: newId('r'), taskType: newId('t'), validFrom: inMs(2 * MINUTE_MS) };
    const first = await makeTariff(h, fields);
    h.clock.advanceMs(DAY_MS);
    const before = await catalogState(h);
    const again = await mustSucceed(setTariffCall(h, fields));
    expect(again).toEqual({ tariff: { ...first, state: TariffState.IN_FORCE }, replayed: true });
    for (const change of [{ units: 3 }, { feature: 'image.upscale' }, { validFrom: undefined }]) {
      expect(await setTariffCall(h, { ...fields, ...change })).toMatchObject({ reason: 'REQUEST_ID_REUSED' });
    }
    expect(await catalogState(h)).toEqual(before);
  });

  test.each<[string, () => Partial<SetTaskTariffRequest>, string[]]>([
    ['sooner than every process can know it', () => ({ validFrom: inMs(59_000) }), ['valid_from']],
    ['in the past', () => ({ validFrom: inMs(-DAY_MS) }), ['valid_from']],
    ['of a mistyped century', () => ({ validFrom: new Date('2126-01-01T00:00:00Z') }), ['valid_from']],
    ['with a feature that no plan has', () => ({ feature: 'image.generat' }), ['feature']],
    ['unlisted, yet with units', () => ({ unlisted: true }), ['units', 'feature']],
    ['without anything', () => ({ units: 0, feature: '' }), ['units', 'feature']],
  ])('refuses one %s, names the field and changes nothing', async (_what, fields, named) => {
    const before = await catalogState(h);
    expect(await setTariffCall(h, fields())).toMatchObject({
      ...{ ok: false, code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST', fields: named },
    });
    expect(await catalogState(h)).toEqual(before);
  });

  test('of ten for the same instant adds one', async () => {
    const fields = { taskType: newId('t'), validFrom: inMs(5 * MINUTE_MS) };
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, n) => setTariffCall(h, { ...fields, units: n + 1 })),
    );
    expect(replies.filter(({ ok }) => ok)).toHaveLength(1);
    for (const reply of replies.filter(({ ok }) => !ok)) {
      expect(reply).toMatchObject({ reason: 'INVALID_REQUEST', fields: ['valid_from'] });
    }
    expect(await h.db.query('SELECT 1 FROM task_tariffs WHERE task_type = ?', [fields.taskType])).toHaveLength(1);
  });

  test('takes a feature of a plan that is announced, and of none that is retired', async () => {
    const feature = `f.${newId('x')}`;
    const terms = yearly({ features: [feature], featureLimits: [] });
    const { planId } = await makePlan(h, { terms, validFrom: inMs(DAY_MS) });
    await makeTariff(h, { feature });
    await mustSucceed(planStatusCall(h, planId, PlanStatus.RETIRED));
    const before = await catalogState(h);
    expect(await setTariffCall(h, { feature })).toMatchObject({ fields: ['feature'] });
    expect(await catalogState(h)).toEqual(before);
  });
});

describe('ListTaskTariffs', () => {
  test('shows task types by name, page by page, each with its tariffs', async () => {
    const prefix = `zz-${newId('page')}`.slice(0, 60);
    const first = `${prefix}-a`;
    const types = [first, `${prefix}-b`, `${prefix}-c`];
    for (const taskType of types) await makeTariff(h, { taskType });
    await makeTariff(h, { taskType: first, validFrom: inMs(5 * MINUTE_MS) });
    const seen: string[] = [];
    for (let pageToken = ''; ;) {
      const page = await mustSucceed(listTariffsCall(h, { pageSize: 1, pageToken }));
      expect(new Set(page.tariffs.map(({ taskType }) => taskType)).size).toBeLessThanOrEqual(1);
      seen.push(...page.tariffs.map(({ taskType }) => taskType));
      pageToken = page.nextPageToken;
      if (pageToken === '') break;
    }
    expect(seen.filter((taskType) => taskType.startsWith(prefix))).toEqual([first, ...types]);
    expect(seen).toEqual([...seen].sort());
  });

  test('does not take the token of another filter, and shows nothing of an unknown task type', async () => {
    const { nextPageToken: pageToken } = await mustSucceed(listTariffsCall(h, { pageSize: 1 }));
    expect(pageToken).not.toBe('');
    expect(await listTariffsCall(h, { pageToken, includePast: true })).toMatchObject({ fields: ['page_token'] });
    expect(await mustSucceed(listTariffsCall(h, { taskType: 'no-such' }))).toEqual({ tariffs: [], nextPageToken: '' });
  });
});
