import assert from 'node:assert';
import { Pool } from 'undici';
import { monotonicMs } from '../../../platform/clock';
import { createCircuitBreaker, type Admission, type CircuitBreaker } from './circuit-breaker';

/** One host of WeChat Pay's API, with its connections and its breaker. */
export interface Host {
  /** `https://api.mch.weixin.qq.com`. */
  readonly origin: string;
  readonly pool: Pool;
  readonly breaker: CircuitBreaker;
}

/** A host that may be called now. */
export interface AdmittedHost {
  readonly host: Host;
  readonly admission: Admission;
}

export interface HostOptions {
  /** Origins in order of preference: the API's, then its disaster-recovery twin where one is used. */
  readonly origins: readonly string[];
  readonly connectTimeoutMs: number;
  /** Failures in a row after which a host is left alone. */
  readonly breakerFailuresMax: number;
  /** How long it is left alone. */
  readonly breakerOpenMs: number;
  readonly onBreakerChange: (origin: string, state: 'open' | 'closed') => void;
}

const CONNECTIONS_MAX = 64;

/** The hosts, ready to be called. No connection is made before the first call. */
export function openHosts(options: HostOptions): readonly Host[] {
  const { origins, connectTimeoutMs, breakerFailuresMax, breakerOpenMs, onBreakerChange } = options;
  return origins.map((url) => {
    const { origin, pathname, search } = new URL(url);
    assert(pathname === '/' && search === '', 'a WeChat Pay base URL must be an origin without a path');
    return {
      origin,
      pool: new Pool(origin, { connections: CONNECTIONS_MAX, connect: { timeout: connectTimeoutMs } }),
      breaker: createCircuitBreaker({
        failuresMax: breakerFailuresMax,
        openMs: breakerOpenMs,
        now: monotonicMs,
        onChange: (state) => onBreakerChange(origin, state),
      }),
    };
  });
}

/** The first host in order of preference that may be called; one that just failed comes last. Undefined: none may. */
export function admitHost(hosts: readonly Host[], failed: Host | undefined): AdmittedHost | undefined {
  const ordered = [...hosts.filter((host) => host !== failed), ...hosts.filter((host) => host === failed)];
  for (const host of ordered) {
    const admission = host.breaker.admit();
    if (admission !== undefined) return { host, admission };
  }
  return undefined;
}
