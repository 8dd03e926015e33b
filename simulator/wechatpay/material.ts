import { X509Certificate, createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A private key of WeChat Pay with the name that `Wechatpay-Serial` carries for it. */
export interface SigningKey {
  readonly serial: string;
  readonly privateKey: KeyObject;
}

/** A key whose certificate merchants download. */
export interface PlatformCertificate extends SigningKey {
  readonly certificate: X509Certificate;
}

/** Which of WeChat Pay's two key modes signs: the static public key, or the rotating platform certificate. */
export type SerialMode = 'public-key' | 'platform';

/** The one merchant that the simulator knows and the keys of both sides. Secrets in here are never logged. */
export interface Material {
  readonly mchid: string;
  readonly appid: string;
  /** 32 characters; encrypts notifications. */
  readonly apiv3Key: string;
  readonly merchantSerial: string;
  readonly merchantPublicKey: KeyObject;
  readonly publicKey: SigningKey;
  readonly platform: PlatformCertificate;
}

const CONFIG_KEYS = ['mchid', 'appid', 'apiv3Key', 'merchantSerial', 'platformSerial', 'publicKeyId'] as const;
type MaterialConfig = Record<(typeof CONFIG_KEYS)[number], string>;

/**
 * Reads the material directory: config.json, merchant.crt, platform.key, platform.crt and public.key.
 * @throws Error naming the file and what is wrong with it; never with its contents.
 */
export function loadMaterial(materialDir: string): Material {
  const read = (name: string): string => readFileSync(join(materialDir, name), 'utf8');
  const config = parseConfig(read('config.json'));
  const merchant = new X509Certificate(read('merchant.crt'));
  if (withoutLeadingZeros(merchant.serialNumber) !== withoutLeadingZeros(config.merchantSerial)) {
    throw new Error(`config.json: merchantSerial is not the serial of merchant.crt (${merchant.serialNumber})`);
  }
  const platformKey = createPrivateKey(read('platform.key'));
  const certificate = new X509Certificate(read('platform.crt'));
  if (!certificate.checkPrivateKey(platformKey)) throw new Error('platform.crt does not belong to platform.key');
  return {
    mchid: config.mchid,
    appid: config.appid,
    apiv3Key: config.apiv3Key,
    merchantSerial: config.merchantSerial,
    merchantPublicKey: merchant.publicKey,
    publicKey: { serial: config.publicKeyId, privateKey: createPrivateKey(read('public.key')) },
    platform: { serial: config.platformSerial, privateKey: platformKey, certificate },
  };
}

function parseConfig(text: string): MaterialConfig {
  const config = JSON.parse(text) as Partial<MaterialConfig>;
  for (const key of CONFIG_KEYS) {
    if (typeof config[key] !== 'string' || config[key] === '') throw new Error(`config.json: ${key} is missing`);
  }
  if (Buffer.byteLength(config.apiv3Key ?? '') !== 32) throw new Error('config.json: apiv3Key is not 32 bytes long');
  return config as MaterialConfig;
}

function withoutLeadingZeros(serial: string): string {
  return serial.toUpperCase().replace(/^0+/, '');
}
