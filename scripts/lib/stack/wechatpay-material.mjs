/** Keys, certificates and ids of the local WeChat Pay: what a merchant gets from the real one. Made once, all or nothing. */
import { X509Certificate, createPublicKey, randomBytes, randomInt } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { writeAtomic } from '../files.mjs';
import { step } from '../terminal.mjs';
import { newCertificate, newRsaKey } from './openssl.mjs';

const ALPHANUMERIC = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const DIGITS = ALPHANUMERIC.slice(0, 10);
const DAYS = 1_825;

function randomText(alphabet, length) {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
}

async function makeCertified(directory, name, subject) {
  const key = newRsaKey();
  const extensions = ['basicConstraints = critical, CA:FALSE'];
  const certificate = await newCertificate({ key, subject, days: DAYS, extensions, workDirectory: directory });
  writeAtomic(path.join(directory, `${name}.key`), key, 0o600);
  writeAtomic(path.join(directory, `${name}.crt`), certificate);
  return new X509Certificate(certificate).serialNumber;
}

async function makeMaterial(directory) {
  const mchid = `1${randomText(DIGITS, 9)}`;
  const merchantSerial = await makeCertified(directory, 'merchant', `/O=billing-guard development/CN=${mchid}`);
  const platformSerial = await makeCertified(directory, 'platform', '/O=billing-guard development/CN=local WeChat Pay');
  const key = newRsaKey();
  writeAtomic(path.join(directory, 'public.key'), key, 0o600);
  writeAtomic(path.join(directory, 'public.pem'), createPublicKey(key).export({ type: 'spki', format: 'pem' }));
  const apiv3Key = randomText(ALPHANUMERIC, 32);
  const config = {
    mchid,
    appid: `wx${randomBytes(8).toString('hex')}`,
    apiv3Key,
    merchantSerial,
    platformSerial,
    publicKeyId: `PUB_KEY_ID_${randomText(DIGITS, 30)}`,
  };
  writeAtomic(path.join(directory, 'config.json'), `${JSON.stringify(config, null, 2)}\n`, 0o600);
  writeAtomic(path.join(directory, 'apiv3.key'), apiv3Key, 0o600);
}

/** Makes sure the directory exists with all of the material: it appears under its name only when complete. */
export async function settleWechatpayMaterial(directory) {
  if (existsSync(directory)) return;
  const draft = `${directory}.new`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true, mode: 0o700 });
  await step('Making the local WeChat Pay merchant', () => makeMaterial(draft));
  renameSync(draft, directory);
}
