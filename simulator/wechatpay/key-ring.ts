import { X509Certificate, createPrivateKey } from 'node:crypto';
import type { Clock } from '../../src/platform/clock';
import { paramError } from './api-error';
import type { Books } from './books';
import { makeCertificate } from './certificate';
import type { Material, PlatformCertificate, SerialMode, SigningKey } from './material';

/** WeChat Pay's keys, and which of them signs what. */
export class KeyRing {
  private readonly platforms: PlatformCertificate[];
  /** Notifications so far whose key was left to the percentage. */
  private drawn = 0;

  constructor(
    private readonly material: Material,
    private readonly books: Books,
    private readonly clock: Clock,
  ) {
    const rotated = books.certificates().map(({ keyPem, certificatePem }) => readPair(keyPem, certificatePem));
    this.platforms = [material.platform, ...rotated];
  }

  /** All platform certificates, oldest first; none for a merchant that only has the public key. */
  certificates(): readonly PlatformCertificate[] {
    return this.books.settings().keyMode === 'public-key' ? [] : this.platforms;
  }

  /** Makes a platform certificate, which signs from now on; the earlier ones stay in the list that merchants download. */
  async rotate(): Promise<PlatformCertificate> {
    const made = await makeCertificate(this.clock.now());
    const pair = readPair(made.keyPem, made.certificatePem);
    this.books.putCertificate(made);
    this.platforms.push(pair);
    return pair;
  }

  /** The key of a mode: the newest platform certificate, or the public key. */
  signingKey(mode: SerialMode): SigningKey {
    return mode === 'public-key' ? this.material.publicKey : (this.platforms.at(-1) ?? this.material.platform);
  }

  /**
   * The key that signs an answer: the one that the request's Wechatpay-Serial names, where that is honoured.
   * @throws ApiError PARAM_ERROR when the merchant has no key of that name.
   */
  answerKey(requestedSerial: string | undefined): SigningKey {
    const { keyMode } = this.books.settings();
    const requested = requestedSerial === undefined ? undefined : this.modeOf(requestedSerial);
    if (keyMode === 'public-key' && requested !== 'platform') return this.signingKey('public-key');
    if (keyMode === 'platform') return this.signingKey('platform');
    if (keyMode === 'both') return this.signingKey(requested ?? 'platform');
    throw serialUnknown(requestedSerial);
  }

  /** The key for what cannot be refused once more. */
  fallbackKey(): SigningKey {
    return this.signingKey(this.books.settings().keyMode === 'public-key' ? 'public-key' : 'platform');
  }

  /** Which kind of key signs the next notification; spread evenly, so a hundred notifications keep the percentage. */
  callbackMode(): SerialMode {
    const { keyMode, callbackPublicKeyPercent } = this.books.settings();
    if (keyMode !== 'both') return keyMode;
    const before = Math.floor((this.drawn * callbackPublicKeyPercent) / 100);
    this.drawn += 1;
    const after = Math.floor((this.drawn * callbackPublicKeyPercent) / 100);
    return after > before ? 'public-key' : 'platform';
  }

  /** The private key for what a merchant encrypted; undefined when no key has that name. */
  encryptionKey(serial: string | undefined): SigningKey | undefined {
    return [this.material.publicKey, ...this.platforms].find((key) => key.serial === serial);
  }

  private modeOf(serial: string): SerialMode {
    if (serial === this.material.publicKey.serial) return 'public-key';
    if (this.platforms.some((platform) => platform.serial === serial)) return 'platform';
    throw serialUnknown(serial);
  }
}

function readPair(keyPem: string, certificatePem: string): PlatformCertificate {
  const certificate = new X509Certificate(certificatePem);
  return { serial: certificate.serialNumber, privateKey: createPrivateKey(keyPem), certificate };
}

function serialUnknown(value: string | undefined): Error {
  const issue = '平台证书序列号或微信支付公钥ID不存在';
  return paramError({ location: 'header', field: 'Wechatpay-Serial', value, issue });
}
