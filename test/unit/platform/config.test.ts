import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, loadMigrateConfig, SETTING_NAMES } from '../../../src/platform/config';
import { ConfigError } from '../../../src/platform/read-settings';

const CERTIFICATE = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----';
const KEY_LABEL = 'PRIVATE KEY-----';
const KEY = `-----BEGIN ${KEY_LABEL}\nsecret-key-body\n-----END ${KEY_LABEL}`;

/** Everything that production needs and that has no default. */
const REQUIRED: Readonly<Record<string, string>> = {
  GRPC_PORT: '7001',
  EDGE_PORT: '7002',
  INTERNAL_PORT: '7003',
  TLS_CA: CERTIFICATE,
  TLS_CERT: CERTIFICATE,
  TLS_KEY: KEY,
  DATABASE_URL: 'mysql://billing_app:secret-password@db:3306/billing',
  REDIS_URL: 'redis://redis:6379/0',
  DATA_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
  IDENTITY_INDEX_KEY: Buffer.alloc(32, 8).toString('base64'),
  AUDIT_SIGNING_KEY: KEY,
  ANCHOR_DIR: '/var/lib/billing/anchors',
  WECHATPAY_BASE_URL: 'https://api.mch.weixin.qq.com',
  WECHATPAY_MCHID: '1900000001',
  WECHATPAY_APPID: 'wx0123456789abcdef',
  WECHATPAY_APIV3_KEY: 'A'.repeat(32),
  WECHATPAY_MERCHANT_SERIAL: 'A'.repeat(40),
  WECHATPAY_MERCHANT_KEY: KEY,
  WECHATPAY_PUBLIC_KEY_ID: 'PUB_KEY_ID_0000000001',
  WECHATPAY_PUBLIC_KEY: '-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----',
  WECHATPAY_NOTIFY_URL: 'https://pay.example.com/wechatpay/notify/transaction',
};

function problemsOf(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

const namesOf = (problems: readonly string[]): string[] => problems.map((line) => line.split(' ')[0] ?? '').sort();

describe('the configuration', () => {
  test('is complete with what has no default, in production, and frozen', () => {
    const config = loadConfig(REQUIRED);
    expect(config).toMatchObject({ BILLING_ENV: 'production', GRPC_PORT: 7001, ORDER_EXPIRE_MINUTES: 30 });
    expect(Object.isFrozen(config)).toBe(true);
  });

  test('that is empty names every setting without a default at once', () => {
    const problems = problemsOf({});
    expect(namesOf(problems)).toEqual(Object.keys(REQUIRED).sort());
    expect(problems.every((line) => line.endsWith('is not set'))).toBe(true);
  });

  test('names every problem at once, of every kind', () => {
    const env = {
      ...REQUIRED,
      REDIS_URL: undefined,
      GRPC_PORT: '70000',
      TLS_CERT_FILE: '/nowhere/cert.pem',
      TLS_KEY: undefined,
      TLS_KEY_FILE: '/nowhere/key.pem',
      WECHATPAY_MCHID: 'abc',
      WECHATPAY_BASE_URL: 'http://127.0.0.1:1',
      DEV_CLOCK_FILE: '/tmp/clock',
    };
    expect(namesOf(problemsOf(env))).toEqual([
      'DEV_CLOCK_FILE',
      'GRPC_PORT',
      'REDIS_URL',
      'TLS_CERT',
      'TLS_KEY_FILE',
      'WECHATPAY_BASE_URL',
      'WECHATPAY_MCHID',
    ]);
  });

  test('never repeats a value in a problem: it may be a secret', () => {
    const env = {
      ...REQUIRED,
      TLS_KEY: 'secret-not-pem',
      WECHATPAY_APIV3_KEY: 'secret-too-short',
      DATA_KEYS: 'secret',
      IDENTITY_INDEX_KEY: 'secret',
    };
    const problems = problemsOf(env);
    expect(namesOf(problems)).toEqual(['DATA_KEYS', 'IDENTITY_INDEX_KEY', 'TLS_KEY', 'WECHATPAY_APIV3_KEY']);
    expect(problems.join()).not.toContain('secret');
  });

  test.each([
    ['EDGE_PORT', ''],
    ['EDGE_PORT', ' '],
    ['EDGE_PORT', '0x10'],
    ['EDGE_PORT', '-1'],
    ['EDGE_PORT', '1.5'],
    ['DATABASE_POOL_SIZE', '0'],
    ['DATABASE_POOL_SIZE', 'many'],
    ['NOTIFICATION_AGE_MAX_SECONDS', '301'],
    ['LOG_LEVEL', 'loud'],
    ['IDENTITY_INDEX_KEY', Buffer.alloc(31).toString('base64')],
    ['REGISTRATION_GRANTS_PER_DAY_MAX', '0'],
    ['BILLING_ROLE', 'cron'],
    ['AUDIT_PUBLIC_KEY', 'no key'],
    ['TASK_STATUS_ADDRESS', ''],
    ['TASK_STATUS_ADDRESS', 'tasks'],
    ['TASK_STATUS_ADDRESS', 'tasks:65536'],
    ['TASK_STATUS_ADDRESS', 'https://tasks:443'],
    ['TASK_STATUS_ADDRESS', '::1:443'],
    ['DATABASE_URL', 'postgres://db/billing'],
    ['DATABASE_URL', ''],
  ])('refuses %s=%j', (name, value) => {
    expect(namesOf(problemsOf({ ...REQUIRED, [name]: value }))).toEqual([name]);
  });
});

test.each(['tasks:443', 'tasks.ai.svc.cluster.local:7443', '10.0.0.7:443', '[::1]:65535'])(
  'TASK_STATUS_ADDRESS=%s is an address',
  (address) => {
    expect(loadConfig({ ...REQUIRED, TASK_STATUS_ADDRESS: address }).TASK_STATUS_ADDRESS).toBe(address);
  },
);

describe('production', () => {
  test.each([
    ['WECHATPAY_BASE_URL', 'http://api.example.com'],
    ['WECHATPAY_NOTIFY_URL', 'http://pay.example.com/notify'],
    ['DEV_CLOCK_FILE', '/tmp/clock'],
  ])('refuses %s=%s, which development takes', (name, value) => {
    expect(namesOf(problemsOf({ ...REQUIRED, [name]: value }))).toEqual([name]);
    expect(problemsOf({ ...REQUIRED, [name]: value, BILLING_ENV: 'development' })).toEqual([]);
  });

  test('is what an environment that says nothing is', () => {
    expect(loadConfig(REQUIRED).BILLING_ENV).toBe('production');
  });
});

describe('a setting from a file', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'billing-config-'));
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  test('is the trimmed content of the file that NAME_FILE names, for every setting', () => {
    const env: NodeJS.ProcessEnv = {};
    for (const [name, value] of Object.entries(REQUIRED)) {
      const path = join(dir, name);
      writeFileSync(path, `${value}\n`);
      env[`${name}_FILE`] = path;
    }
    // Files that are looked at again later stand beside their content.
    const valuesOf = (from: NodeJS.ProcessEnv) =>
      Object.fromEntries(Object.entries(loadConfig(from)).filter(([name]) => !name.endsWith('_FILE')));
    expect(valuesOf(env)).toEqual(valuesOf(REQUIRED));
    expect(loadConfig(env).DATA_KEYS_FILE).toBe(env['DATA_KEYS_FILE']);
  });

  test('given both ways is refused, not guessed', () => {
    const path = join(dir, 'key');
    writeFileSync(path, KEY);
    expect(problemsOf({ ...REQUIRED, TLS_KEY_FILE: path })).toEqual(['TLS_KEY and TLS_KEY_FILE are both set']);
  });

  test('that can not be read is one problem, named with the reason', () => {
    expect(problemsOf({ ...REQUIRED, TLS_KEY: undefined, TLS_KEY_FILE: join(dir, 'missing') })).toEqual([
      'TLS_KEY_FILE can not be read (ENOENT)',
    ]);
  });
});

describe('the names', () => {
  test('of settings are listed for the documents that must name them', () => {
    expect(SETTING_NAMES).toEqual(expect.arrayContaining(Object.keys(REQUIRED)));
  });

  test('that `billing migrate` needs are checked the same way', () => {
    expect(() => loadMigrateConfig({})).toThrow(/3 problem\(s\)/);
    const env = {
      MIGRATE_DATABASE_URL: 'mysql://m:p@db/billing',
      APP_DATABASE_USER: 'app',
      REPORT_DATABASE_USER: 'rep',
    };
    expect(loadMigrateConfig(env)).toEqual(env);
  });
});
