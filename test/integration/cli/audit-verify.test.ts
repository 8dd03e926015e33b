import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AnchorStage } from '../../support/anchor-stage';
import { anchorPath } from '../../../src/audit/anchor/anchor-files';
import { newSigner } from '../../support/anchors';
import { billing, billingAs, type Ended } from '../../support/command';
import { mustSucceed } from '../../support/clients';
import { consume, registerMember, startHarness, type Harness } from '../../support/harness';

/** Issue 7, must show 2: an auditor proves or disproves a database with a file, a public key and one command. */
describe('billing audit verify', () => {
  let h: Harness;
  let stage: AnchorStage;
  let file = '';
  let keys = '';
  let userId = '';

  beforeAll(async () => {
    h = await startHarness();
    ({ userId } = await registerMember(h));
    stage = await AnchorStage.open(h.db, h.infra, h.clock);
    await stage.untilSealed();
    await stage.run('2026-01-31T14');
    await mustSucceed(consume(h, { userId, requestId: 'c-1' }));
    await stage.run('2026-01-31T15');
    const newest = (await stage.anchors()).at(-1);
    if (newest === undefined) throw new Error('no anchor');
    file = anchorPath(stage.dir, newest.anchor);
    keys = join(stage.dir, 'keys.pem');
    // As after a change of the key: several, of which one signed.
    writeFileSync(keys, `${newSigner().publicKeyPem}${stage.signer.publicKeyPem}`);
  }, 60_000);
  afterAll(async () => {
    await stage.close();
    await h.stop();
  });

  const verify = (...words: string[]): Ended => {
    const { user, password } = h.infra.accounts.report;
    const url = Object.assign(new URL(h.db.url), { username: user, password });
    return billing(['--json', 'audit', 'verify', ...words], { DATABASE_URL: url.href });
  };
  const json = ({ stdout }: Ended): Record<string, unknown> => JSON.parse(stdout) as Record<string, unknown>;

  test('proves what an anchor says, with the anchors before it, and exits 0', () => {
    const ended = verify('--anchor', file, '--public-key', keys);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(json(ended)).toMatchObject({
      ...{ verdict: 'proved', anchor: 2, users_anchored: 1, users_proved: 1, users_newer: 0 },
      ...{ log_rows_anchored: 3, log_rows_proved: 3, log_rows_newer: 0 },
      ...{ anchors_before_checked: 1, oldest_anchor: 1, problems_found: 0, problems: [] },
    });
    expect(json(ended)['root']).toBe(json(ended)['root_of_database']);
  });

  test('checks all chains without an anchor', () => {
    const ended = verify();
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(json(ended)).toMatchObject({ verdict: 'ok', users: 1, log_rows: 3, problems: [] });
    expect(Number(json(ended)['audit_rows_sealed'])).toBeGreaterThan(1);
  });

  test('believes no anchor that a given key did not sign', () => {
    const other = join(stage.dir, 'other.pem');
    writeFileSync(other, newSigner().publicKeyPem);
    expect(verify('--anchor', file, '--public-key', other)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`it was signed by key ${stage.signer.keyId}, which was not given`) as string,
    });
    const forged = join(stage.dir, 'forged.json');
    writeFileSync(forged, readFileSync(file, 'utf8').replace('"rows":3', '"rows":2'));
    expect(verify('--anchor', forged, '--public-key', keys)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('its signature is bad') as string,
    });
    writeFileSync(forged, '{}');
    const none = verify('--anchor', forged, '--public-key', keys);
    expect(none).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('This is not an anchor') as string,
    });
  });

  test('disproves what was changed, names it, and exits 1, with an anchor or without', async () => {
    const root = await h.db.connect('root');
    await root.query('DROP TRIGGER quota_logs_no_update');
    await root.query("UPDATE quota_logs SET description = 'x' WHERE user_id = ? AND sequence = 3", [userId]);
    await root.end();
    const ended = verify('--anchor', file, '--public-key', keys);
    expect(ended.code).toBe(1);
    const problems = [{ subject: userId, problem: 'row 3 does not match its hash' }];
    expect(json(ended)).toMatchObject({ verdict: 'DISPROVED', users_proved: 0, problems_found: 1, problems });
    const alone = verify();
    expect(alone.code).toBe(1);
    expect(json(alone)).toMatchObject({ verdict: 'FAULT', problems });
  });

  test('anchors lists what was made, newest first, for auditors alone', async () => {
    const list = await billingAs(h, 'auditor', ['--json', 'audit', 'anchors']);
    expect({ code: list.code, stderr: list.stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(list.stdout)).toMatchObject([
      { anchor: 2, hour: '2026-01-31T15', users: 1, log_rows: 3, key_id: stage.signer.keyId },
      { anchor: 1, hour: '2026-01-31T14', users: 1, log_rows: 2 },
    ]);
    const page = await billingAs(h, 'auditor', ['audit', 'anchors', '--page-size', '1']);
    expect(page.stderr).toMatch(/^More: --page-token \S+\n$/);
    const next = page.stderr.trim().split(' ').at(-1) ?? '';
    const rest = await billingAs(h, 'auditor', ['--json', 'audit', 'anchors', '--page-token', next]);
    expect((JSON.parse(rest.stdout) as { anchor: number }[]).map(({ anchor }) => anchor)).toEqual([1]);
    for (const identity of ['operations', 'finance'] as const) {
      const { code, stderr } = await billingAs(h, identity, ['--json', 'audit', 'anchors']);
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('CALLER_NOT_ALLOWED') as string });
    }
    const wrong = await billingAs(h, 'auditor', ['--json', 'audit', 'anchors', '--page-token', 'x']);
    expect(wrong.stderr).toContain('INVALID_REQUEST');
  });
});
