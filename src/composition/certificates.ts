import { raiseAlert, resolveAlert, logOpenedAlerts, type Alert } from '../alert';
import { expireTimeOf, firstExpireTimeOf } from '../platform/certificate-times';
import { withTx } from '../platform/db/tx';
import { MS_PER_DAY } from '../platform/time';
import type { Closable, Foundation } from './foundation';

/** The certificates that end one day, watched so that nobody is surprised: the gauge by every process, the alert once a day. */

/** From how many days before its end on people are told of a certificate. */
const WARN_DAYS = 30;
/** How often the gauge is set: certificates are replaced while the process runs. */
const TELL_INTERVAL_MS = 60_000;

type Parts = Pick<Foundation, 'config' | 'tls' | 'wechatpay'>;

/** When each certificate that is known here ends. WeChat Pay's own is replaced by itself: the last one counts. */
function certificateTimes({ config, tls, wechatpay }: Parts): readonly (readonly [string, Date])[] {
  const { ca, cert } = tls.current();
  const merchant = config.WECHATPAY_MERCHANT_CERT;
  const platform = wechatpay.certificatesExpireTime();
  return [
    ['tls', expireTimeOf(cert)],
    ['tls_ca', firstExpireTimeOf(ca)],
    ...(merchant === undefined ? [] : ([['merchant', expireTimeOf(merchant)]] as const)),
    ...(platform === undefined ? [] : ([['wechatpay_platform', platform]] as const)),
  ];
}

/** Keeps the gauge of this process. */
export function measureCertificates(foundation: Parts & Pick<Foundation, 'metrics'>, closables: Closable[]): void {
  const tell = (): void => {
    for (const [which, time] of certificateTimes(foundation)) {
      foundation.metrics.certificateExpire.set({ which }, time.getTime() / 1_000);
    }
  };
  tell();
  const timer = setInterval(tell, TELL_INTERVAL_MS).unref();
  closables.push({ name: 'gauge of certificates', close: () => Promise.resolve(clearInterval(timer)) });
}

/**
 * Opens an alert for each certificate that ends soon, and resolves that of one that was replaced. By the machine's clock, as
 * TLS goes. Returns how many end soon.
 */
export async function watchCertificates(foundation: Parts & Pick<Foundation, 'db' | 'clock' | 'log'>): Promise<number> {
  const { db, clock, log } = foundation;
  const now = clock.now();
  const soonMs = clock.machineNow().getTime() + WARN_DAYS * MS_PER_DAY;
  const times = certificateTimes(foundation);
  const ending = times.filter(([, time]) => time.getTime() < soonMs);
  const opened = await withTx(db, { name: 'WatchCertificates' }, async (tx) => {
    const alerts: Alert[] = [];
    for (const [which, time] of times) {
      const key = { kind: 'certificate_expiring', subjectType: 'certificate', subjectId: which } as const;
      if (time.getTime() >= soonMs) {
        await resolveAlert(tx, key, 'replaced', now);
        continue;
      }
      const details = { expire_time: time.toISOString() };
      alerts.push(...(await raiseAlert(tx, { ...key, severity: 'warning', userId: null, details }, now)));
    }
    return alerts;
  });
  logOpenedAlerts(log, opened);
  return ending.length;
}
