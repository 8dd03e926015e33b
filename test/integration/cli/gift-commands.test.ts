import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Identity } from '../../support/clients';
import { billingAs, type Ended } from '../../support/command';
import { giftState, openCampaign, readCampaign } from '../../support/gift-calls';
import { registerUser, startHarness, type Harness } from '../../support/harness';

let h: Harness;
let dir: string;

beforeAll(async () => {
  h = await startHarness();
  dir = mkdtempSync(join(tmpdir(), 'billing-gifts-'));
});
afterAll(async () => {
  rmSync(dir, { recursive: true });
  await h.stop();
});

const run = (identity: Identity, ...words: string[]): Promise<Ended> =>
  billingAs(h, identity, ['--json', 'gift', ...words]);

async function shown(identity: Identity, ...words: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await run(identity, ...words);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Record<string, unknown>;
}

function writeUsers(name: string, lines: readonly string[]): string {
  const file = join(dir, name);
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
  return file;
}

describe('billing gift', () => {
  test('takes a campaign from draft to end, by two people', async () => {
    const terms = ['--name', '国庆赠送', '--units', '20', '--valid-days', '30', '--budget-units', '100'];
    const created = await shown(
      'operations',
      'create',
      '--id',
      'gift-a',
      ...terms,
      '--end-time',
      '2089-10-08T00:00:00+08:00',
    );
    expect(created).toMatchObject({
      ...{ replayed: false, campaign_id: 'gift-a', status: 'DRAFT', units: 20, budget_units: 100, revision: 1 },
      end_time: '2089-10-07T16:00:00.000Z',
    });
    const change = ['update', 'gift-a', '--units', '25', '--revision', '1', '--request-id', 'u-1'];
    expect(await shown('operations', ...change)).toMatchObject({ units: 25, revision: 2, replayed: false });
    expect(await shown('operations', ...change)).toMatchObject({ units: 25, revision: 2, replayed: true });

    const refused = await run('operations', 'approve', 'gift-a', '--revision', '2');
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.stderr)).toMatchObject({
      ...{ code: 'PERMISSION_DENIED', reason: 'SECOND_PERSON_REQUIRED', metadata: { campaign_id: 'gift-a' } },
    });
    expect(await run('operations-2', 'approve', 'gift-a')).toMatchObject({ code: 1 });
    expect(await run('operations-2', 'approve', 'gift-a', '--revision', '1')).toMatchObject({ code: 1 });
    expect((await readCampaign(h, 'gift-a')).approvedBy).toBe('');
    const approved = await shown('operations-2', 'approve', 'gift-a', '--revision', '2');
    expect(approved).toMatchObject({ status: 'ACTIVE', approved_by: 'spiffe://billing/operations/operations-2' });

    expect(await shown('operations', 'pause', 'gift-a')).toMatchObject({ status: 'PAUSED' });
    expect(await shown('operations', 'resume', 'gift-a')).toMatchObject({ status: 'ACTIVE' });
    const userId = await registerUser(h);
    const gift = { campaign_id: 'gift-a', user_id: userId, grant: 2, units: 25, quota_remaining: 35 };
    expect(await shown('operations', 'grant', 'gift-a', userId)).toMatchObject({ ...gift, replayed: false });
    expect(await shown('operations', 'grant', 'gift-a', userId)).toMatchObject({ ...gift, replayed: true });
    expect(await shown('auditor', 'show', 'gift-a')).toMatchObject({ granted_units: 25, budget_units: 100 });
    expect(await shown('finance', 'list', '--status', 'active')).toMatchObject([
      { campaign: 'gift-a', name: '国庆赠送', status: 'ACTIVE', units: 25, granted_units: 25, budget_units: 100 },
    ]);
    expect(await shown('operations', 'end', 'gift-a')).toMatchObject({ status: 'ENDED' });
    expect(await run('operations', 'resume', 'gift-a')).toMatchObject({ code: 1 });
  });

  test('grant --users-file gives to everybody once, tells its progress, and may be run again', async () => {
    const campaignId = await openCampaign(h, { budgetUnits: 1_000 });
    const users = await Promise.all(Array.from({ length: 5 }, () => registerUser(h)));
    const file = writeUsers('users', [...users, 'nobody-1', '', users[0] ?? '']);
    const words = ['grant', campaignId, '--users-file', file, '--at-once', '3'];
    const first = await run('operations', ...words);
    expect(first.code).toBe(1);
    expect(JSON.parse(first.stdout)).toMatchObject({
      ...{ campaign_id: campaignId, users: 6, given: 5, had_it: 0, refused: 1, not_tried: 0 },
      refusals: [{ user: 'nobody-1', code: 'NOT_FOUND', reason: 'USER_NOT_FOUND' }],
    });
    expect(first.stderr).toBe('6 of 6: 5 given, 0 had it, 1 refused\n');
    expect((await readCampaign(h, campaignId)).grantedUnits).toBe(100);
    const again = await run('operations', 'grant', campaignId, '--users-file', writeUsers('known', users));
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ users: 5, given: 0, had_it: 5, refused: 0, refusals: [] });
    expect((await readCampaign(h, campaignId)).grantedUnits).toBe(100);
  });

  test('grant --users-file ends where the budget does, and says how many were not tried', async () => {
    const campaignId = await openCampaign(h, { budgetUnits: 40 });
    const users = await Promise.all(Array.from({ length: 6 }, () => registerUser(h)));
    const file = writeUsers('many', users);
    const { code, stdout } = await run('operations', 'grant', campaignId, '--users-file', file, '--at-once', '1');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ users: 6, given: 2, refused: 1, not_tried: 3 },
      refusals: [{ user: users[2], reason: 'GIFT_BUDGET_EXHAUSTED' }],
    });
  });

  test('grant gives nobody anything where the list or the command line is wrong', async () => {
    const campaignId = await openCampaign(h);
    const userId = await registerUser(h);
    const before = await giftState(h);
    const wrong = await run('operations', 'grant', campaignId, '--users-file', writeUsers('wrong', [userId, '用户']));
    expect([wrong.code, JSON.parse(wrong.stderr)]).toMatchObject([
      1,
      { message: expect.stringContaining('line 2') as string },
    ]);
    const lines = [
      ['grant', campaignId],
      ['grant', campaignId, userId, '--users-file', writeUsers('both', [userId])],
      ['grant', campaignId, '--users-file', join(dir, 'no-such')],
      ['grant', campaignId, '--users-file', writeUsers('one', [userId]), '--at-once', '65'],
    ];
    for (const words of lines) expect(await run('operations', ...words)).toMatchObject({ code: 1, stdout: '' });
    // Whoever is not of operations gives nothing.
    expect(await run('finance', 'grant', campaignId, userId)).toMatchObject({ code: 1 });
    expect(await giftState(h)).toEqual(before);
  });

  test('shows people aligned tables', async () => {
    for (const words of [['list'], ['show', 'gift-a']]) {
      const { code, stdout } = await billingAs(h, 'auditor', ['gift', ...words]);
      expect(code).toBe(0);
      expect(stdout.split('\n').filter((line) => line.startsWith('│')).length).toBeGreaterThan(1);
    }
  });
});
