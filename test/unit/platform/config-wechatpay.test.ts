import { loadConfig } from '../../../src/platform/config';
import { ConfigError } from '../../../src/platform/read-settings';
import { requiredSettings } from '../../support/settings';

const { WECHATPAY_PUBLIC_KEY_ID: _id, WECHATPAY_PUBLIC_KEY: _key, ...withoutKey } = requiredSettings();

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    return error instanceof ConfigError ? error.problems : [String(error)];
  }
}

test.each(['public-key', 'switching'])("%s mode is refused without WeChat Pay's public key, and says so", (mode) => {
  expect(problemsOf({ ...withoutKey, WECHATPAY_KEY_MODE: mode })).toEqual([
    `WECHATPAY_PUBLIC_KEY_ID (needed in ${mode} mode) is not set`,
    `WECHATPAY_PUBLIC_KEY (needed in ${mode} mode) is not set`,
  ]);
});

test('the mode is public-key unless told, and certificate mode needs no public key', () => {
  expect(loadConfig(requiredSettings()).WECHATPAY_KEY_MODE).toBe('public-key');
  expect(problemsOf(withoutKey)).toHaveLength(2);
  expect(problemsOf({ ...withoutKey, WECHATPAY_KEY_MODE: 'certificate' })).toEqual([]);
});

test.each([
  ['WECHATPAY_KEY_MODE', 'both'],
  ['WECHATPAY_BACKUP_BASE_URL', 'http://api2.mch.weixin.qq.com'],
  ['WECHATPAY_BACKUP_BASE_URL', 'api2.mch.weixin.qq.com'],
  ['WECHATPAY_NOTIFY_URL', 'https://billing.example/wechatpay/notify/transaction?from=wechat'],
  ['WECHATPAY_NOTIFY_URL', 'https://billing.example/wechatpay/notify/transaction#'],
  ['WECHATPAY_NOTIFY_URL', 'https://user:secret@billing.example/wechatpay/notify/transaction'],
  ['WECHATPAY_CERTIFICATE_REFRESH_MINUTES', '720'],
  ['WECHATPAY_BREAKER_FAILURES_MAX', '0'],
])('%s can not be %s', (name, value) => {
  const problems = problemsOf({ ...requiredSettings(), [name]: value });
  expect(problems).toHaveLength(1);
  expect(problems[0]?.startsWith(name)).toBe(true);
});

test('there is no backup host unless one is named', () => {
  expect(loadConfig(requiredSettings()).WECHATPAY_BACKUP_BASE_URL).toBeUndefined();
  const backup = 'https://api2.mch.weixin.qq.com';
  expect(loadConfig({ ...requiredSettings(), WECHATPAY_BACKUP_BASE_URL: backup }).WECHATPAY_BACKUP_BASE_URL).toBe(
    backup,
  );
});
