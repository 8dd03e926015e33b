import { findOpenAlerts, logOpenedAlerts, raiseAlert, resolveAlert, type Alert } from '../alert';
import { expireTimeOf, firstExpireTimeOf } from '../platform/certificate-times';
import { monotonicMs } from '../platform/clock';
import { readOnly, withTx } from '../platform/db/tx';
import { MS_PER_DAY } from '../platform/time';
import { certificateSubject } from './certificate-subject';
import type { Closable, Foundation } from './foundation';

/**
 * The certificates that end one day, watched by every process, so that nobody is surprised: each host has its own, and one that
 * is fresh says nothing of another's. By the machine's clock, as TLS goes.
 */
const KIND = 'certificate_expiring';
/** From how many days before its end on people are told of a certificate. */
const WARN_DAYS = 30;
/** After so many days without being told again, once a day, an alert is of a host that is gone. */
const GONE_DAYS = 2;
/** Certificates are replaced while the process runs. */
const LOOK_INTERVAL_MS = 60_000;

type Parts = Pick<Foundation, 'config' | 'tls' | 'wechatpay' | 'clock'>;
type Telling = Pick<Foundation, 'db' | 'clock' | 'log'>;

/** A certificate of this process. */
interface Watched {
  /** Its name in the gauge. */
  readonly which: string;
  /** What an alert of it is about. */
  readonly subjectId: string;
  readonly expireTime: Date;
  readonly endsSoon: boolean;
}

/** When each certificate that is known here ends. WeChat Pay's own is replaced by itself: the last one counts. */
function watchedOf({ config, tls, wechatpay, clock }: Parts): readonly Watched[] {
  const { ca, cert } = tls.current();
  const merchant = config.WECHATPAY_MERCHANT_CERT;
  const platform = wechatpay.certificatesExpireTime();
  const soonMs = clock.machineNow().getTime() + WARN_DAYS * MS_PER_DAY;
  const times: readonly (readonly [string, Date])[] = [
    ['tls', expireTimeOf(cert)],
    ['tls_ca', firstExpireTimeOf(ca)],
    ...(merchant === undefined ? [] : ([['merchant', expireTimeOf(merchant)]] as const)),
    ...(platform === undefined ? [] : ([['wechatpay_platform', platform]] as const)),
  ];
  return times.map(([which, expireTime]) => {
    return { which, subjectId: certificateSubject(which), expireTime, endsSoon: expireTime.getTime() < soonMs };
  });
}

/**
 * Watches the certificates of this process as long as it runs: the gauge at every look; people once a day, and at once when
 * what ends soon has changed.
 */
export function watchCertificates(
  foundation: Parts & Telling & Pick<Foundation, 'metrics'>,
  closables: Closable[],
): void {
  const { log, metrics } = foundation;
  let told: string | undefined;
  let nextTellMs = 0;
  const look = async (): Promise<void> => {
    const watched = watchedOf(foundation);
    for (const { which, expireTime } of watched) metrics.certificateExpire.set({ which }, expireTime.getTime() / 1_000);
    const ending = JSON.stringify(watched.filter(({ endsSoon }) => endsSoon));
    if (ending === told && monotonicMs() < nextTellMs) return;
    await tellPeople(foundation, watched);
    told = ending;
    nextTellMs = monotonicMs() + MS_PER_DAY;
  };
  let looking = Promise.resolve();
  const lookNow = (): void => {
    looking = look().catch((error: unknown) => log.warn({ err: error }, 'ends of certificates could not be told'));
  };
  lookNow();
  const timer = setInterval(lookNow, LOOK_INTERVAL_MS).unref();
  const close = (): Promise<void> => {
    clearInterval(timer);
    return looking;
  };
  closables.push({ name: 'watch of certificates', close });
}

/**
 * Opens an alert for each certificate of this host that ends soon, and resolves those of certificates that were replaced, and
 * those that no process has told of for so long that their host must be gone.
 */
async function tellPeople({ db, clock, log }: Telling, watched: readonly Watched[]): Promise<void> {
  const now = clock.now();
  const ending = watched.filter(({ endsSoon }) => endsSoon);
  const replaced = new Set(watched.filter(({ endsSoon }) => !endsSoon).map(({ subjectId }) => subjectId));
  const open = await readOnly(db, (reader) => findOpenAlerts(reader, KIND));
  const goneMs = now.getTime() - GONE_DAYS * MS_PER_DAY;
  const settled = open.filter(({ subjectId, lastTime }) => replaced.has(subjectId) || lastTime.getTime() < goneMs);
  if (ending.length === 0 && settled.length === 0) return;
  const opened = await withTx(db, { name: 'WatchCertificates' }, async (tx) => {
    const alerts: Alert[] = [];
    for (const { subjectId } of settled) {
      const resolution = replaced.has(subjectId) ? 'replaced' : 'host_gone';
      await resolveAlert(tx, { kind: KIND, subjectType: 'certificate', subjectId }, resolution, now);
    }
    for (const { subjectId, expireTime } of ending) {
      const details = { expire_time: expireTime.toISOString() };
      const alert = {
        kind: KIND,
        subjectType: 'certificate',
        subjectId,
        severity: 'warning',
        userId: null,
        details,
      } as const;
      alerts.push(...(await raiseAlert(tx, alert, now)));
    }
    return alerts;
  });
  logOpenedAlerts(log, opened);
}
