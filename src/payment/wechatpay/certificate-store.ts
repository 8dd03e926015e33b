import type { KeyObject } from 'node:crypto';
import type { Clock } from '../../platform/clock';
import { fromEpochMs } from '../../platform/time';
import { ANSWER_AGE_MAX_SECONDS, type Belief } from './client/answer';
import type { AttemptLog, Caller } from './client/caller';
import { CERTIFICATES_PATH, readCertificates, type PlatformCertificate } from './certificates';
import type { KeyRing, WechatpayKeys } from './keys';
import { findSignatureFault } from './signed-message';

export interface CertificateStoreOptions {
  readonly caller: Pick<Caller, 'call'>;
  readonly apiv3Key: string;
  /** Keys that count beside the certificates: the public key, while a merchant changes over to it. */
  readonly fixed: KeyRing;
  /** Between two downloads; below 12 h. */
  readonly refreshMs: number;
  readonly clock: Clock;
  /** Milliseconds that only grow: what pauses are measured by. */
  readonly elapsedMs: () => number;
  readonly log: AttemptLog;
}

/** The platform certificates as they are known now. */
export interface CertificateStore extends WechatpayKeys {
  /** Until when the last of them is valid; undefined while none is known. */
  lastExpireTime(): Date | undefined;
  /** Ends the downloads. */
  close(): void;
}

/** Between two downloads that strangers cause by unknown serials, or that follow a failure. */
const DOWNLOAD_GAP_MS = 60_000;
const DOWNLOAD_TIMEOUT_MS = 10_000;
/** What a serial of a certificate looks like; no download could bring any other. */
const CERTIFICATE_SERIAL = /^[0-9A-F]{1,40}$/;

/**
 * Downloads the certificates now and at an interval. All that have not expired count, those that a later answer leaves
 * out too: messages signed before a change may still arrive. A download that fails changes nothing.
 */
export function openCertificateStore(options: CertificateStoreOptions): CertificateStore {
  const { fixed, refreshMs, clock, elapsedMs, log } = options;
  const closing = new AbortController();
  let certificates: ReadonlyMap<string, PlatformCertificate> = new Map();
  let download: Promise<void> | undefined;
  let lastDownloadMs = -Infinity;
  let timer: NodeJS.Timeout | undefined;

  const get = (serial: string): KeyObject | undefined => {
    const certificate = certificates.get(serial);
    const isValid = certificate !== undefined && clock.now().getTime() < certificate.expireTime.getTime();
    return isValid ? certificate.publicKey : fixed.get(serial);
  };
  const downloadOnce = async (): Promise<void> => {
    lastDownloadMs = elapsedMs();
    let pauseMs = refreshMs;
    try {
      const fresh = await downloadCertificates(options, { get }, closing.signal);
      certificates = unexpired([...certificates.values(), ...fresh], clock.now());
      log.info({ serials: [...certificates.keys()] }, 'the platform certificates were downloaded');
    } catch (error) {
      pauseMs = DOWNLOAD_GAP_MS;
      log.warn({ err: error, known: certificates.size }, 'the platform certificates could not be downloaded');
    }
    clearTimeout(timer);
    if (!closing.signal.aborted) timer = setTimeout(() => void startDownload(), pauseMs).unref();
  };
  const startDownload = (): Promise<void> => {
    if (closing.signal.aborted) return Promise.resolve();
    download ??= downloadOnce().finally(() => (download = undefined));
    return download;
  };

  void startDownload();
  return {
    get,
    async learn(serial) {
      if (get(serial) !== undefined || !CERTIFICATE_SERIAL.test(serial)) return;
      // Whoever comes while a download runs waits for it; nobody starts another so soon.
      if (download !== undefined) await download;
      else if (elapsedMs() - lastDownloadMs >= DOWNLOAD_GAP_MS) await startDownload();
    },
    lastExpireTime() {
      const times = [...certificates.values()].map(({ expireTime }) => expireTime.getTime());
      return times.length === 0 ? undefined : fromEpochMs(Math.max(...times));
    },
    close() {
      closing.abort();
      clearTimeout(timer);
    },
  };
}

/** While certificates change, the answer that brings a new one may be signed by that very one. */
async function downloadCertificates(
  { caller, apiv3Key }: CertificateStoreOptions,
  known: KeyRing,
  signal: AbortSignal,
): Promise<readonly PlatformCertificate[]> {
  let fresh: readonly PlatformCertificate[] = [];
  let unreadable: unknown;
  const believe: Belief = ({ status, headers, body }, now) => {
    try {
      fresh = status === 200 ? readCertificates(body, apiv3Key) : [];
    } catch (error) {
      unreadable = error;
      return Promise.resolve('signature_invalid');
    }
    const keys: KeyRing = {
      get: (serial) => fresh.find((certificate) => certificate.serial === serial)?.publicKey ?? known.get(serial),
    };
    return Promise.resolve(findSignatureFault(headers, body, { keys, now, ageMaxSeconds: ANSWER_AGE_MAX_SECONDS }));
  };
  try {
    await caller.call({ method: 'GET', path: CERTIFICATES_PATH, believe }, { timeoutMs: DOWNLOAD_TIMEOUT_MS, signal });
  } catch (error) {
    throw unreadable ?? error;
  }
  return fresh;
}

function unexpired(certificates: readonly PlatformCertificate[], now: Date): ReadonlyMap<string, PlatformCertificate> {
  const valid = certificates.filter(({ expireTime }) => now.getTime() < expireTime.getTime());
  return new Map(valid.map((certificate) => [certificate.serial, certificate]));
}
