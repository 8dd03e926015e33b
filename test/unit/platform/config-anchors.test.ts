import { loadConfig } from '../../../src/platform/config';
import { ConfigError } from '../../../src/platform/read-settings';
import { requiredSettings } from '../../support/settings';

function problemsOf(changes: Readonly<Record<string, string | undefined>>): readonly string[] {
  try {
    loadConfig({ ...requiredSettings(), ...changes });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

const SECRET = `whsec_${Buffer.alloc(24, 1).toString('base64')}`;

/** Issue 7: production makes anchors, and nobody can be given one that he can not tell from somebody else's. */
describe('the settings of anchors', () => {
  test('need a directory in production where jobs run, and nowhere else', () => {
    const missing = { ANCHOR_DIR: undefined };
    expect(problemsOf({})).toEqual([]);
    for (const role of ['all', 'worker']) {
      expect(problemsOf({ ...missing, BILLING_ROLE: role })).toEqual([
        'ANCHOR_DIR (needed in production where jobs run) is not set',
      ]);
    }
    for (const role of ['rpc', 'edge']) expect(problemsOf({ ...missing, BILLING_ROLE: role })).toEqual([]);
    expect(problemsOf({ ...missing, BILLING_ENV: 'development' })).toEqual([]);
  });

  test('need secrets with a webhook, which is https in production', () => {
    const url = { ANCHOR_WEBHOOK_URL: 'https://auditor.example.com/anchors' };
    expect(problemsOf({ ...url, ANCHOR_WEBHOOK_SECRETS: `${SECRET},${SECRET}` })).toEqual([]);
    expect(problemsOf(url)).toEqual(['ANCHOR_WEBHOOK_SECRETS (needed with ANCHOR_WEBHOOK_URL) is not set']);
    const plain = { ANCHOR_WEBHOOK_URL: 'http://auditor.example.com', ANCHOR_WEBHOOK_SECRETS: SECRET };
    expect(problemsOf(plain)).toEqual(['ANCHOR_WEBHOOK_URL must be https in production']);
  });

  test('repeat no secret that is wrong', () => {
    const problems = problemsOf({ ANCHOR_WEBHOOK_SECRETS: 'whsec_tooshort' });
    expect(problems).toHaveLength(1);
    expect(problems.join()).not.toContain('tooshort');
  });
});
