import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { certificatesOf } from '../certificate-times';
import type { Clock } from '../clock';
import type { TlsMaterial } from './credentials';

/** Where each part was read from, for those that were given by a file. */
export type TlsPaths = Readonly<Partial<Record<keyof TlsMaterial, string>>>;

/** What becomes of files that have changed. */
export interface TlsChange {
  /** Takes what has changed, once for each change; it is usable. */
  readonly onChange: (tls: TlsMaterial) => void;
  /**
   * What the files hold can not be used: what was used before still is. Told once for each such content, and again at the next
   * look as long as it throws.
   */
  readonly onRefused: (problem: unknown) => Promise<void>;
  /** The files are usable again, or have been from the beginning. Told like the other. */
  readonly onUsable: () => Promise<void>;
}

/** The service's own certificate, its key, and the CA of the others, as they are now. */
export interface ServiceTls {
  current(): TlsMaterial;
  /** Tells of material that took the place of what was used. */
  onChange(listener: (tls: TlsMaterial) => void): void;
}

/** The files of certificates while they are watched. */
export interface TlsFiles {
  /** What is used now. */
  current(): TlsMaterial;
  /** Looks now. */
  look(): Promise<void>;
  stop(): void;
}

const PARTS = ['ca', 'cert', 'key'] as const satisfies readonly (keyof TlsMaterial)[];

/**
 * Takes certificate, key and CA anew when their files change, however they are replaced: contents are compared. Pair and CA
 * change as one: what is found half-written, a certificate with the key of another, is looked at once more before it
 * counts as refused. What was given without a file stays as it is.
 */
export function watchTls(
  first: TlsMaterial,
  parts: { readonly paths: TlsPaths; readonly intervalMs: number; readonly clock: Clock } & TlsChange,
): TlsFiles {
  const { paths, intervalMs, clock } = parts;
  let current = first;
  /** What was found unusable the last time. */
  let doubtful: string | undefined;
  /** What people were told of last. */
  let told: string | undefined;
  let looking: Promise<void> | undefined;

  const lookOnce = async (): Promise<void> => {
    const { tls, problem, content } = readUsable(current, paths, clock.machineNow());
    if (tls !== undefined) return use(tls);
    const isSeenAgain = content === doubtful;
    doubtful = content;
    if (!isSeenAgain || told === content) return;
    await parts.onRefused(problem);
    told = content;
  };
  const use = async (found: TlsMaterial): Promise<void> => {
    doubtful = undefined;
    if (textOf(found) !== textOf(current)) {
      current = found;
      parts.onChange(found);
    }
    if (told === USABLE) return;
    await parts.onUsable();
    told = USABLE;
  };
  const look = (): Promise<void> => {
    looking ??= lookOnce().finally(() => {
      looking = undefined;
    });
    return looking;
  };

  const isWatching = Object.keys(paths).length > 0;
  // What a look could not tell it tells at the next one.
  const timer = isWatching ? setInterval(() => void look().catch(() => undefined), intervalMs).unref() : undefined;
  return { current: () => current, look, stop: () => clearInterval(timer) };
}

const USABLE = 'usable';

const textOf = (tls: TlsMaterial): string => PARTS.map((part) => tls[part].trim()).join('\n');

/** What was found: material that can be used, or why there is none. */
interface Found {
  readonly tls?: TlsMaterial;
  readonly problem?: unknown;
  /** Tells one unusable content from another. */
  readonly content: string;
}

/** What the files hold now, and what was given without one. */
function readUsable(current: TlsMaterial, paths: TlsPaths, now: Date): Found {
  const read = (part: keyof TlsMaterial): string => {
    const path = paths[part];
    return path === undefined ? current[part] : readFileSync(path, 'utf8').trim();
  };
  try {
    const tls = { ca: read('ca'), cert: read('cert'), key: read('key') };
    const content = textOf(tls);
    const problem = problemOf(tls, now);
    return problem === undefined ? { tls, content } : { problem, content };
  } catch (problem) {
    return { problem, content: String(problem) };
  }
}

/** Why material can not be used; undefined when it can. No word of it holds any of it. */
function problemOf(tls: TlsMaterial, now: Date): Error | undefined {
  try {
    // Refuses what is no PEM, and a certificate that is not the key's.
    createSecureContext({ ca: tls.ca, cert: tls.cert, key: tls.key });
    // A text without any certificate passes there: nobody would be let in any more.
    if (certificatesOf(tls.ca).length === 0) return new Error('the CA is no certificate in PEM');
    const own = new X509Certificate(tls.cert);
    if (Date.parse(own.validFrom) > now.getTime()) return new Error('the certificate is not valid yet');
    if (Date.parse(own.validTo) <= now.getTime()) return new Error('the certificate has expired');
    return undefined;
  } catch (error) {
    return new Error('certificate, key and CA do not go together, or are not PEM', { cause: error });
  }
}
