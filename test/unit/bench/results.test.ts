import { toChart } from '../../../bench/report/chart';
import { toRatios, voidReason, type ResultRow } from '../../../bench/report/results';

const row = (variant: ResultRow['variant'], perSecond: number, change: Partial<ResultRow> = {}): ResultRow => ({
  scenario: 'uniform',
  variant,
  load: 'closed',
  callers: 64,
  perSecond,
  p50Ms: 10,
  p99Ms: 40,
  correct: true,
  offeredPerSecond: null,
  failed: 0,
  cpu: { server: 100, mariadb: 40, redis: 3, load: 10 },
  memoryMib: 200,
  eventLag: null,
  ...change,
});

describe('what the benchmark makes of its figures', () => {
  test('a textbook below half of what the prototype saw voids the run, at half it does not', () => {
    expect(voidReason([row('textbook', 1_200), row('textbook', 750, { scenario: 'hot' })])).toBeNull();
    expect(voidReason([row('textbook', 1_199)])).toMatch('1199/s (uniform, 64 callers), less than 1200/s');
    expect(voidReason([row('textbook', 749, { scenario: 'hot' })])).toMatch('749/s (hot, 64 callers), less than 750/s');
    // Another number of callers and another variant do not matter.
    expect(voidReason([row('textbook', 1, { callers: 16 }), row('ours', 1)])).toBeNull();
  });

  test('ratios are taken at 64 callers of the closed loop; what was not measured is null', () => {
    const rows = [
      row('echo', 6_000),
      row('textbook', 400, { p99Ms: 300 }),
      row('ours', 2_400, { p99Ms: 75 }),
      row('ours', 9_999, { callers: 256 }),
      row('ours', 9_999, { load: 'open' }),
      row('batch', 7_200),
      row('textbook', 150, { scenario: 'claims' }),
      row('ours', 1_500, { scenario: 'claims' }),
      row('ours', 9_999, { scenario: 'claims', callers: 16 }),
      row('textbook', 100, { scenario: 'orders', callers: 1, p50Ms: 5 }),
      row('ours', 80, { scenario: 'orders', callers: 1, p50Ms: 6 }),
    ];
    expect(toRatios(rows)).toEqual({
      oursOverTextbookUniform64: 6,
      oursOverTextbookHot64: null,
      oursOverEchoUniform64: 0.4,
      p99OursOverTextbookUniform64: 0.25,
      p50OursOverTextbook1: null,
      batchOverUnary: 3,
      largeOverSmall: null,
      claimsOverTextbook64: 10,
      p50OrdersOverTextbook1: 1.2,
      p50OrdersOverTextbook16: null,
    });
  });

  test('the chart has a panel for each scenario that was measured, and none for the others', () => {
    const titlesOf = (rows: readonly ResultRow[]): readonly string[] => {
      const chart = toChart({ machine: {}, commit: 'abc', rows, ratios: toRatios(rows), void: null });
      return [...chart.matchAll(/>(\w+ per second, [^<]+)</g)].map(([, title]) => title ?? '');
    };
    expect(titlesOf([row('ours', 2_400), row('ours', 900, { scenario: 'claims' })])).toEqual([
      'Consumes per second, 10 000 users',
      'Claims per second, one hot promotion',
    ]);
    expect(titlesOf([row('ours', 900, { scenario: 'hot' })])).toEqual(['Consumes per second, one hot user']);
  });

  test('the chart of a void run says so', () => {
    const rows = [row('ours', 2_400)];
    const results = { machine: {}, commit: 'abc', rows, ratios: toRatios(rows) };
    expect(toChart({ ...results, void: 'the machine was busy' })).toMatch('VOID: the machine was busy');
    expect(toChart({ ...results, void: null })).not.toMatch('VOID');
  });
});
