import assert from 'node:assert';
import type { KeyObject } from 'node:crypto';
import { monotonicMs } from '../../platform/clock';
import { createCaller, type CallerOptions } from './client/caller';
import { openCertificateStore } from './certificate-store';
import { createWechatpayClient, type WechatpayClient } from './client/client';
import { createKeyRing, type PlatformKey, type WechatpayKeys } from './keys';

/**
 * Whose signatures count. `switching`: both kinds do, and WeChat Pay is asked to sign answers with the public key, while
 * it brings notifications over to it by and by.
 */
export type KeyMode = 'public-key' | 'certificate' | 'switching';

export interface WechatpayOptions extends Omit<CallerOptions, 'publicKeyId' | 'origins'> {
  /** Origin of the API, `https://api.mch.weixin.qq.com`. */
  readonly baseUrl: string;
  /** Origin of its disaster-recovery twin; undefined: there is none. */
  readonly backupBaseUrl: string | undefined;
  readonly appid: string;
  readonly merchantKey: KeyObject;
  readonly keyMode: KeyMode;
  /** WeChat Pay's public key; must be there but in certificate mode, which ignores it. */
  readonly publicKey: PlatformKey | undefined;
  /** Opens the certificates. */
  readonly apiv3Key: string;
  /** Between two downloads of the certificates. */
  readonly certificateRefreshMs: number;
}

/** The way to WeChat Pay: its API, and whom to believe. Closing the client ends the downloads of certificates, too. */
export interface Wechatpay {
  readonly client: WechatpayClient;
  /** The keys that answers and notifications may be signed with. */
  readonly keys: WechatpayKeys;
  /** Until when the last of the platform certificates is valid; undefined where none is known, or none is used. */
  readonly certificatesExpireTime: () => Date | undefined;
}

/** Opens the way to WeChat Pay for one merchant and app. Certificates are downloaded in the background. */
export function createWechatpay(options: WechatpayOptions): Wechatpay {
  const { baseUrl, backupBaseUrl, keyMode, clock, log, apiv3Key } = options;
  const publicKey = keyMode === 'certificate' ? undefined : options.publicKey;
  assert(keyMode === 'certificate' || publicKey !== undefined, `${keyMode} mode needs WeChat Pay's public key`);
  const origins = backupBaseUrl === undefined ? [baseUrl] : [baseUrl, backupBaseUrl];
  const caller = createCaller({ ...options, origins, publicKeyId: publicKey?.serial });
  const fixed = publicKey === undefined ? NO_KEYS : createKeyRing([publicKey]);
  const store =
    keyMode === 'public-key'
      ? undefined
      : openCertificateStore({
          caller,
          apiv3Key,
          fixed,
          refreshMs: options.certificateRefreshMs,
          clock,
          elapsedMs: monotonicMs,
          log,
        });
  const keys = store ?? fixed;
  const close = async (): Promise<void> => {
    store?.close();
    await caller.close();
  };
  const client = createWechatpayClient({ ...options, caller, keys, close });
  return { client, keys, certificatesExpireTime: () => store?.lastExpireTime() };
}

const NO_KEYS: WechatpayKeys = { get: () => undefined, learn: () => Promise.resolve() };
