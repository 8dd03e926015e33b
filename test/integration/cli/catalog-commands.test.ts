import { billingAs } from '../../support/command';
import { startHarness, type Harness } from '../../support/harness';

let h: Harness;
beforeAll(async () => {
  h = await startHarness();
});
afterAll(() => h.stop());

async function json(...words: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await billingAs(h, 'operations', ['--json', ...words]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

async function refusal(...words: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await billingAs(h, 'operations', ['--json', ...words]);
  expect([code, stdout]).toEqual([1, '']);
  return JSON.parse(stderr);
}

const TERMS = ['--price', '99900', '--list-price', '118800', '--period', '1 year', '--quota', '6000'];
const REST = ['--every', '1 month', '--feature', 'image.generate', '--feature', 'image.upscale', '--tax-rate', '600'];
const inDays = (days: number): string => new Date(h.clock.now().getTime() + days * 86_400_000).toISOString();

describe('billing plan', () => {
  const shown = {
    ...{ price_fen: 99_900, list_price_fen: 118_800, period: '1 YEAR', quota: 6_000, given_every: '1 MONTH' },
    ...{ features: 'image.generate image.upscale', limits: 'image.upscale=100', tax_rate: 600 },
  };

  test('create makes a plan and shows it with its request id; the same id again changes nothing', async () => {
    const words = ['plan', 'create', 'yearly', '--name', '年度会员', ...TERMS, ...REST, '--limit', 'image.upscale=100'];
    const made = await json(...words, '--request-id', 'r1');
    expect(made).toMatchObject({
      ...{ request_id: 'r1', replayed: false, plan_id: 'yearly', name: '年度会员', kind: 'SALE', status: 'ACTIVE' },
      versions: [shown],
    });
    expect(await json(...words, '--request-id', 'r1')).toEqual({ ...Object(made), replayed: true });
    expect(await refusal(...words, '--request-id', 'r2')).toMatchObject({
      ...{ code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST', metadata: { request_id: 'r2' } },
    });
  });

  test('price adds a version, show shows both and list a line for each, with tables for people', async () => {
    const from = inDays(1);
    const terms = ['--price', '100', '--period', '30 days', '--tax-rate', '0', '--from', from];
    expect(await json('plan', 'price', 'yearly', ...terms)).toMatchObject({
      replayed: false,
      versions: [
        {
          ...{ price_fen: 100, list_price_fen: 100, period: '30 DAY', quota: 0, given_every: 'at once' },
          ...{ features: '', limits: '', tax_rate: 0, valid_from: from },
        },
        { ...shown, valid_to: from },
      ],
    });
    expect(await json('plan', 'show', 'yearly')).toMatchObject({ plan_id: 'yearly', versions: [{}, shown] });
    expect(await json('plan', 'list')).toMatchObject([
      { plan: 'basic', kind: 'BASIC' },
      { plan: 'monthly', kind: 'SALE', price_fen: 9_900 },
      { plan: 'yearly', price_fen: 100 },
      { plan: 'yearly', ...shown },
    ]);
    const first = await billingAs(h, 'auditor', ['plan', 'list', '--page-size', '1']);
    expect(first.stdout).toContain('basic');
    const [, token = ''] = /--page-token (\S+)/.exec(first.stderr) ?? [];
    const next = await billingAs(h, 'auditor', ['--json', 'plan', 'list', '--page-size', '2', '--page-token', token]);
    expect(JSON.parse(next.stdout)).toHaveLength(3);
    const { stdout } = await billingAs(h, 'finance', ['plan', 'show', 'yearly']);
    expect(stdout.split('\n').filter((line) => line.startsWith('│')).length).toBeGreaterThan(3);
  });

  test('retire and activate move it; who only looks may not, and an unknown plan is told', async () => {
    expect(await json('plan', 'retire', 'yearly', '--request-id', 'r9')).toMatchObject({
      ...{ request_id: 'r9', plan_id: 'yearly', status: 'RETIRED' },
    });
    expect(await json('plan', 'activate', 'yearly')).toMatchObject({ status: 'ACTIVE' });
    expect(await refusal('plan', 'show', 'no-such')).toMatchObject({ code: 'NOT_FOUND', reason: 'PLAN_NOT_FOUND' });
    const { code, stderr } = await billingAs(h, 'finance', ['plan', 'retire', 'yearly']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('CALLER_NOT_ALLOWED')]);
  });

  test('create refuses what it can not read before it calls', async () => {
    const wrong = [
      ['--price', '99.9'],
      ['--period', '2 weeks'],
      ['--period', '0 days'],
      ['--every', 'month'],
      ['--limit', 'image.upscale'],
      ['--from', 'tomorrow'],
      ['--kind', 'other'],
    ];
    const usual = ['plan', 'create', 'wrong', '--name', 'x', ...TERMS, ...REST];
    const refusals = await Promise.all(wrong.map((words) => refusal(...usual, ...words)));
    for (const [n, words] of wrong.entries()) {
      expect([words, refusals[n]]).toMatchObject([words, { code: 'INVALID_ARGUMENT', reason: null }]);
    }
    expect(await refusal('plan', 'show', 'wrong')).toMatchObject({ reason: 'PLAN_NOT_FOUND' });
  });

  test('create wants a tax rate said', async () => {
    const { code, stderr } = await billingAs(h, 'operations', ['plan', 'create', 'wrong', '--name', 'x', ...TERMS]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('--tax-rate')]);
  });
});

describe('billing tariff', () => {
  const set = { task_type: 'upscale', units: 4, feature: 'image.upscale' };

  test('set announces a tariff; the same id again changes nothing', async () => {
    const words = ['tariff', 'set', 'upscale', '--units', '4', '--feature', 'image.upscale', '--request-id', 't1'];
    expect(await json(...words)).toMatchObject({ request_id: 't1', replayed: false, ...set, state: 'ANNOUNCED' });
    expect(await json(...words)).toMatchObject({ request_id: 't1', replayed: true });
  });

  test('retire takes it off the list; list shows what holds, what is announced, and what was', async () => {
    h.clock.advanceMs(61_000);
    const from = inDays(1);
    const unlisted = { task_type: 'upscale', feature: '(unlisted)' };
    expect(await json('tariff', 'retire', 'upscale', '--from', from)).toMatchObject({
      ...{ ...unlisted, state: 'ANNOUNCED', valid_from: from },
    });
    expect(await json('tariff', 'list')).toMatchObject([
      { ...set, state: 'IN_FORCE', valid_to: from },
      { ...unlisted, state: 'ANNOUNCED' },
    ]);
    h.clock.advanceMs(2 * 86_400_000);
    expect(await json('tariff', 'list', '--task-type', 'upscale')).toMatchObject([{ ...unlisted, state: 'IN_FORCE' }]);
    const { stdout } = await billingAs(h, 'auditor', ['tariff', 'list', '--past']);
    expect(stdout).toContain('image.upscale');
  });

  test('set tells what is wrong, with its request id', async () => {
    const words = ['tariff', 'set', 'upscale', '--units', '4', '--feature', 'no.such', '--request-id', 't2'];
    expect(await refusal(...words)).toMatchObject({
      ...{ code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST', metadata: { request_id: 't2' } },
    });
    expect(await refusal('tariff', 'set', 'upscale', '--units', 'few', '--feature', 'x')).toMatchObject({
      reason: null,
    });
  });
});
