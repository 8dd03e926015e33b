import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { base64Key, dataKeySecrets, pemLines, type Secret } from '../../simulator/demo/secrets/leaks';
import type { Infra } from './infra';

/** Every key and password of a run of tests: what must be in no log and no error. */

/** Keys and passwords of the servers and the merchant. */
export function configuredSecrets(infra: Infra): Secret[] {
  const keyFiles = (directory: string): Secret[] =>
    readdirSync(directory)
      .filter((name) => name.endsWith('.key'))
      .flatMap((name) => pemLines(name, readFileSync(join(directory, name), 'utf8')));
  const merchant = JSON.parse(readFileSync(join(infra.wechatpayDir, 'config.json'), 'utf8')) as { apiv3Key: string };
  const passwords = Object.entries(infra.accounts).map(([name, { password }]) => ({
    what: `password ${name}`,
    text: password,
  }));
  return [
    ...dataKeySecrets(infra.dataKeys),
    ...base64Key('identity index key', infra.identityIndexKey),
    ...pemLines('audit signing key', infra.auditSigningKey),
    ...keyFiles(infra.tlsDir),
    ...keyFiles(infra.wechatpayDir),
    { what: 'APIv3 key', text: merchant.apiv3Key },
    ...passwords,
    { what: 'password root', text: infra.rootPassword },
    { what: 'password of Redis', text: decodeURIComponent(new URL(infra.redisUrl).password) },
  ].filter(({ text }) => text !== '');
}
