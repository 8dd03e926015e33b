import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runModule } from '../../support/command';

/** R11.4: what CI says of the packages we deliver, and of secrets in the repository. Each check fires on what it is for. */

/** What a function of scripts/lib/supply returns. */
function judge(file: string, expression: string): unknown {
  const text = `import * as judge from './scripts/lib/supply/${file}'; process.stdout.write(JSON.stringify(${expression}) ?? '');`;
  const { code, stdout, stderr } = runModule(text);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

describe('the scan for secrets', () => {
  const kindsIn = (path: string, text: string): unknown =>
    judge('secrets.mjs', `judge.findSecrets(${JSON.stringify(path)}, ${JSON.stringify(text)}).map(({ kind }) => kind)`);

  const privateKey = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  const letters = (count: number): string =>
    randomBytes(200)
      .toString('base64')
      .replaceAll(/[^0-9A-Za-z]/g, '')
      .slice(0, count);
  const base64Key = randomBytes(32).toString('base64');

  test.each([
    ['private key', `key: |\n${privateKey}`],
    ['private key', `const KEY = ${JSON.stringify(privateKey)};`],
    ['key of AWS', `aws_access_key_id = AKIA${'ABCDEFGH23456789'}`],
    ['key of Tencent Cloud', `secretId: 'AKID${letters(32)}'`],
    ['token of GitHub', `https://x:ghp_${letters(36)}@github.com`],
    ['token of npm', `//registry.npmjs.org/:_authToken=npm_${letters(36)}`],
    ['token of Slack', 'xoxb-' + '1234567890-abcdefghijklmnop'],
    ['APIv3 key of WeChat Pay', `WECHATPAY_APIV3_KEY=${letters(32)}`],
    ['APIv3 key of WeChat Pay', `{ "apiv3Key": "${letters(32)}" }`],
    ['password in an address', `DATABASE_URL=mysql://billing:${letters(24)}@db.internal:3306/billing`],
    ['secret of a webhook', `ANCHOR_WEBHOOK_SECRETS=whsec_${letters(32)}`],
    ['secret of a webhook', `{ "secrets": ["whsec_${randomBytes(64).toString('base64')}"] }`],
    ['32 bytes in base64', `DATA_KEYS=k1:${base64Key}`],
    ['32 bytes in base64', `identityIndexKey: '${base64Key}'`],
  ])('finds a planted %s', (kind, text) => {
    expect(kindsIn('deploy/settings.yaml', text)).toContain(kind);
  });

  test.each([
    ['a heading of PEM', "pem: z.string().regex(/BEGIN [A-Z ]*PRIVATE KEY/), '-----BEGIN PRIVATE KEY-----\\nnone\\n'"],
    ['a made-up key', `WECHATPAY_APIV3_KEY=${'0'.repeat(32)}`],
    ['an address without a password', 'mysql://db.internal:3306/billing and mysql://user:password@127.0.0.1:1/none'],
    ['a hash in hex', randomBytes(32).toString('hex')],
  ])('takes %s for no secret', (_what, text) => {
    expect(kindsIn('src/platform/config.ts', text)).toEqual([]);
  });

  test('lets tests have keys that open nothing, but no private key and no token', () => {
    expect(kindsIn('test/unit/x.test.ts', base64Key)).toEqual([]);
    expect(kindsIn('test/unit/x.test.ts', privateKey)).toEqual(['private key']);
  });

  test('takes hashes of packages for none, and nothing else that a lock file says', () => {
    const integrity = `"integrity": "sha512-ghp_${letters(36)}${'A'.repeat(40)}=="`;
    const resolved = `"resolved": "https://reader:${letters(24)}@packages.internal/a.tgz"`;
    const kinds = kindsIn('package-lock.json', `{ ${integrity}, ${resolved}, "key": "${base64Key}" }`);
    expect(kinds).toEqual(['password in an address', '32 bytes in base64']);
  });

  test('reads what each commit added, and nothing that it took away or only stands in', () => {
    const commits = ['1', '2'].map((digit) => digit.repeat(40));
    const log = [
      ...[`commit ${commits[0]}`, '', 'diff --git a/a.env b/a.env', '--- /dev/null', '+++ b/a.env', '@@ -0,0 +1,2 @@'],
      ...['+A=1', '+++ B=2', `commit ${commits[1]}`, '', 'diff --git a/a.env b/a.env', '--- a/a.env', '+++ /dev/null'],
      ...['@@ -1,2 +0,0 @@', '-A=1', '-++ B=2', 'diff --git a/x/b b/x/b', '--- a/x/b', '+++ b/x/b', '+C=3', ''],
    ].join('\n');
    expect(judge('history.mjs', `judge.addedTexts(${JSON.stringify(log)})`)).toEqual([
      { commit: commits[0], path: 'a.env', text: 'A=1\n++ B=2' },
      { commit: commits[1], path: 'x/b', text: 'C=3' },
    ]);
  });

  test('says where, and never what', () => {
    const found = judge('secrets.mjs', `judge.findSecrets('a.env', ${JSON.stringify(`A=1\nB=${base64Key}\n`)})`);
    expect(found).toEqual([{ path: 'a.env', line: 2, kind: '32 bytes in base64' }]);
  });

  test('of this repository finds nothing; of one with a planted key it fails and names the file', () => {
    const scan = 'await import("./scripts/secrets-scan.mjs");';
    expect(runModule(scan)).toMatchObject({ code: 0, stderr: '' });
    const directory = join('docs', `planted-${randomBytes(4).toString('hex')}`);
    mkdirSync(directory);
    try {
      writeFileSync(join(directory, 'key.pem'), privateKey);
      const { code, stdout, stderr } = runModule(scan);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toContain(`${directory}/key.pem:1: private key`);
      expect(stderr).not.toContain(privateKey.split('\n')[1]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('the check of licences', () => {
  const refusedOf = (packages: object): unknown =>
    judge('licences.mjs', `judge.judgeLicences({ packages: ${JSON.stringify(packages)} }).refused`);

  test('allows every package of the lock file', () => {
    const { code, stdout } = runModule('await import("./scripts/licences.mjs");');
    expect(code).toBe(0);
    expect(stdout).toContain('Every licence is allowed');
  });

  test.each(['MIT', '(MIT OR GPL-3.0-only)', 'Apache-2.0 AND (MIT OR ISC)', 'GPL-2.0-only OR MIT AND ISC'])(
    'allows %s',
    (license) => {
      expect(refusedOf({ 'node_modules/a': { version: '1.0.0', license } })).toEqual([]);
    },
  );

  test.each(['GPL-3.0-only', 'AGPL-3.0-or-later', 'MIT AND GPL-3.0-only', '(MIT', 'SEE LICENSE IN x', 'CC-BY-4.0', ''])(
    'refuses %p in what is delivered',
    (license) => {
      const name = `a@1.0.0: ${license || 'no licence'}`;
      expect(refusedOf({ '': {}, 'node_modules/a': { version: '1.0.0', license } })).toEqual([name]);
    },
  );

  test('refuses a package that says nothing, and allows data for the build alone', () => {
    expect(refusedOf({ 'node_modules/b/node_modules/@x/a': { version: '2.0.0' } })).toEqual(['@x/a@2.0.0: no licence']);
    expect(refusedOf({ 'node_modules/a': { version: '1.0.0', license: 'CC-BY-4.0', dev: true } })).toEqual([]);
  });
});

describe('the check of known vulnerabilities', () => {
  const audited = (text: string): unknown => judge('advisories.mjs', `judge.judgeAudit(${JSON.stringify(text)})`);

  test('fails on what is high or critical, and only tells the rest', () => {
    const of = (name: string, severity: string) => ({ name, severity, range: '<2.0.0' });
    const vulnerabilities = { a: of('a', 'high'), b: of('b', 'low'), c: of('c', 'critical') };
    const told = { failing: ['a <2.0.0: high', 'c <2.0.0: critical'], others: ['b <2.0.0: low'] };
    expect(audited(JSON.stringify({ vulnerabilities }))).toEqual(told);
    expect(audited(JSON.stringify({ vulnerabilities: {} }))).toEqual({ failing: [], others: [] });
  });

  test.each([
    [
      'a registry without the endpoint',
      JSON.stringify({ message: '405 Method Not Allowed', statusCode: 405 }),
      '405 Method Not Allowed',
    ],
    [
      'no registry',
      JSON.stringify({ error: { code: 'ENOTFOUND', summary: 'getaddrinfo ENOTFOUND' } }),
      'getaddrinfo ENOTFOUND',
    ],
    ['no answer', '', 'npm audit gave no answer that can be read'],
    ['something else', '{}', 'npm audit gave no list of vulnerabilities'],
  ])('takes %s for no proof of anything', (_what, text, unknown) => {
    expect(audited(text)).toEqual({ unknown });
  });
});
