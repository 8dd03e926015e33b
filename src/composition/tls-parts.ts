import { logOpenedAlerts, raiseAlert, resolveAlert } from '../alert';
import { withTx } from '../platform/db/tx';
import type { TlsMaterial } from '../platform/rpc/credentials';
import { watchTls, type ServiceTls, type TlsPaths } from '../platform/rpc/tls-files';
import { certificateSubject } from './certificate-subject';
import type { Closable, Foundation } from './foundation';

/**
 * Takes certificates anew when their files change, so that they are replaced without a restart. What can not be used is
 * refused: an alert is open until the files of this host are usable again.
 */
export function openTls(
  parts: Pick<Foundation, 'config' | 'log' | 'clock' | 'metrics' | 'db'>,
  closables: Closable[],
): ServiceTls {
  const { config, log, clock, metrics, db } = parts;
  const listeners: ((tls: TlsMaterial) => void)[] = [];
  const key = { kind: 'tls_refused', subjectType: 'certificate', subjectId: certificateSubject('tls') } as const;
  const files = watchTls(
    { ca: config.TLS_CA, cert: config.TLS_CERT, key: config.TLS_KEY },
    {
      paths: pathsOf(config),
      intervalMs: config.SECRET_FILES_POLL_MS,
      clock,
      onChange: (tls) => {
        for (const listener of listeners) listener(tls);
        metrics.secretReloads.inc({ setting: 'TLS', outcome: 'used' });
        log.info({}, 'the certificates have changed; new connections use them from now on');
      },
      onRefused: async (problem) => {
        const why = problem instanceof Error ? problem.message : 'unknown';
        log.error(
          { err: problem },
          'the files of certificates have changed and can not be used; those from before are',
        );
        const alert = { ...key, severity: 'warning', userId: null, details: { why } } as const;
        const now = clock.now();
        logOpenedAlerts(log, await withTx(db, { name: 'RefuseTls' }, (tx) => raiseAlert(tx, alert, now)));
        metrics.secretReloads.inc({ setting: 'TLS', outcome: 'refused' });
      },
      onUsable: async () => {
        await withTx(db, { name: 'UseTls' }, (tx) => resolveAlert(tx, key, 'usable', clock.now()));
      },
    },
  );
  closables.push({ name: 'files of certificates', close: () => Promise.resolve(files.stop()) });
  return { current: () => files.current(), onChange: (listener) => void listeners.push(listener) };
}

function pathsOf({ TLS_CA_FILE: ca, TLS_CERT_FILE: cert, TLS_KEY_FILE: key }: Foundation['config']): TlsPaths {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}
