import { readFileSync } from 'node:fs';

/** The private servers that `npm test` started for this run. */
export interface Infra {
  readonly rootSocket: string;
  readonly rootUser: string;
  readonly rootPassword: string;
  readonly host: string;
  readonly port: number;
  readonly redisUrl: string;
  readonly tlsDir: string;
  readonly wechatpayDir: string;
  readonly accounts: Readonly<
    Record<'migrate' | 'app' | 'report', { readonly user: string; readonly password: string }>
  >;
  readonly dataKeys: string;
  readonly identityIndexKey: string;
  /** Ed25519, PEM. */
  readonly auditSigningKey: string;
}

/** Reads where the servers are. Tests that need them run under `npm test`, never under jest alone. */
export function readInfra(): Infra {
  const path = process.env['BILLING_TEST_INFRA'];
  if (path === undefined) throw new Error('no servers: run the tests with `npm test -- <pattern>`');
  return JSON.parse(readFileSync(path, 'utf8')) as Infra;
}
