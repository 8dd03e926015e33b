import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFieldCipher } from '../../src/platform/crypto/field-cipher';
import type { TestDatabase } from './database';
import type { Infra } from './infra';

/** Every secret of a run of the service, and everything that it was told in confidence: what must be in no log and no error. */

/** A text that must not leak, and what it is. */
export interface Secret {
  readonly what: string;
  readonly text: string;
}

/** The lines of a key in PEM that are the key: each of them is enough to know it by. */
function pemLines(what: string, pem: string): Secret[] {
  return pem
    .split('\n')
    .filter((line) => /^[A-Za-z0-9+/=]{24,}$/.test(line))
    .map((text) => ({ what, text }));
}

function base64Key(what: string, key: string): Secret[] {
  return [
    { what, text: key },
    { what: `${what} in hex`, text: Buffer.from(key, 'base64').toString('hex') },
  ];
}

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
    ...infra.dataKeys.split(',').flatMap((entry) => base64Key('data key', entry.split(':')[1] ?? '')),
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

/** What lies sealed in the database: payers, and what WeChat Pay told with its signatures. */
export async function sealedSecrets(infra: Infra, db: TestDatabase): Promise<Secret[]> {
  const keys = infra.dataKeys.split(',').map((entry) => {
    const [id = '', key = ''] = entry.split(':');
    return { id, key: Buffer.from(key, 'base64') };
  });
  const cipher = createFieldCipher(keys);
  const open = (table: string, column: string, primaryKey: unknown, sealed: unknown): string =>
    cipher.decrypt(sealed as Buffer, { table, column, primaryKey: String(primaryKey) });
  const payers = await db.query('SELECT order_id, sealed_payer FROM order_payers');
  const bodies = await db.query('SELECT id, sealed_body FROM wechatpay_notification_bodies');
  return [
    ...payers.map((row) => {
      return { what: 'payer', text: open('order_payers', 'sealed_payer', row['order_id'], row['sealed_payer']) };
    }),
    ...bodies.flatMap((row) => {
      const body = open('wechatpay_notification_bodies', 'sealed_body', row['id'], row['sealed_body']);
      return toldSecrets(body);
    }),
  ].filter(({ text }) => text !== '');
}

interface Told {
  readonly headers: Readonly<Record<string, string>>;
  readonly resource: string;
}

function toldSecrets(body: string): Secret[] {
  if (!body.startsWith('{')) return [];
  const { headers, resource } = JSON.parse(body) as Told;
  const { payer } = JSON.parse(resource) as { payer?: { openid?: string } };
  return [
    { what: 'callback', text: resource },
    { what: 'signature of a callback', text: headers['wechatpay-signature'] ?? '' },
    { what: 'openid of a callback', text: payer?.openid ?? '' },
  ];
}

/** Which secrets a text holds, as it is or escaped as JSON does; what they are and where, never the secret itself. */
export function findLeaks(secrets: readonly Secret[], where: string, text: string): string[] {
  const leaked = secrets.filter(
    (secret) => text.includes(secret.text) || text.includes(JSON.stringify(secret.text).slice(1, -1)),
  );
  return [...new Set(leaked.map(({ what }) => `${where} holds: ${what}`))];
}
