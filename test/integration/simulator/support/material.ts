import { execFileSync } from 'node:child_process';
import { X509Certificate, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a merchant knows, plus the directory that a simulator starts from. */
export interface TestMaterial {
  readonly materialDir: string;
  readonly mchid: string;
  readonly appid: string;
  readonly apiv3Key: string;
  readonly merchantSerial: string;
  readonly merchantKey: KeyObject;
  readonly platformSerial: string;
  readonly publicKeyId: string;
  /** WeChat Pay's keys by the name that Wechatpay-Serial carries. */
  readonly wechatKeys: ReadonlyMap<string, KeyObject>;
}

const CONFIG = { mchid: '1900000001', appid: 'wx0123456789abcdef', apiv3Key: 'abcdefghijklmnopqrstuvwxyz012345' };
const PUBLIC_KEY_ID = 'PUB_KEY_ID_0119000000012026010100000001';

/** Makes a fresh material directory with keys of its own. */
export function makeMaterial(): TestMaterial {
  const materialDir = mkdtempSync(join(tmpdir(), 'simulator-material-'));
  const path = (name: string): string => join(materialDir, name);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'ignore' });
  for (const name of ['merchant', 'platform']) {
    const files = ['-keyout', path(`${name}.key`), '-out', path(`${name}.crt`)];
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`, ...files);
  }
  openssl('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', path('public.key'));
  const serialOf = (name: string): string => new X509Certificate(readFileSync(path(name))).serialNumber;
  const serials = { merchantSerial: serialOf('merchant.crt'), platformSerial: serialOf('platform.crt') };
  writeFileSync(path('config.json'), JSON.stringify({ ...CONFIG, ...serials, publicKeyId: PUBLIC_KEY_ID }));
  return {
    materialDir,
    ...CONFIG,
    ...serials,
    merchantKey: createPrivateKey(readFileSync(path('merchant.key'))),
    publicKeyId: PUBLIC_KEY_ID,
    wechatKeys: new Map([
      [PUBLIC_KEY_ID, createPublicKey(readFileSync(path('public.key')))],
      [serials.platformSerial, createPublicKey(readFileSync(path('platform.crt')))],
    ]),
  };
}
