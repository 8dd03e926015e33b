import { ROLES, type Caller, type Role } from '../calls';
import { platformErrors } from '../errors';

/** `spiffe://billing/<role>/<name>`, whole. */
const IDENTITY = /^spiffe:\/\/billing\/([a-z-]{1,64})\/([a-z0-9-]{1,64})$/;

/** The part of a gRPC call that knows the peer's certificate. */
export interface AuthenticatedCall {
  getAuthContext(): { sslPeerCertificate?: { readonly subjectaltname?: string | undefined } | undefined } | undefined;
  getPeer(): string;
}

/**
 * Who a certificate says its holder is, or undefined when it names no known role. Takes the subject alternative names
 * as Node prints them: `URI:…, DNS:…`. Node quotes an entry that holds a comma or a quote; no identity of ours needs
 * that, and splitting such a list could be led astray, so a quoted list is nobody.
 */
export function callerFromSubjectAltNames(subjectAltNames: string | undefined): Caller | undefined {
  if (subjectAltNames === undefined || subjectAltNames.includes('"')) return undefined;
  const uris = subjectAltNames.split(', ').filter((entry) => entry.startsWith('URI:'));
  const [uri] = uris;
  if (uri === undefined || uris.length > 1) return undefined;
  const identity = uri.slice('URI:'.length);
  const [, role, name] = IDENTITY.exec(identity) ?? [];
  if (role === undefined || name === undefined || !isRole(role)) return undefined;
  return { role, name, identity };
}

/** Who makes a call, proved by TLS. Throws CALLER_UNKNOWN. */
export function callerOf(call: AuthenticatedCall): Caller {
  const caller = callerFromSubjectAltNames(call.getAuthContext()?.sslPeerCertificate?.subjectaltname);
  if (caller === undefined) throw platformErrors.CALLER_UNKNOWN();
  return caller;
}

function isRole(role: string): role is Role {
  return (ROLES as readonly string[]).includes(role);
}
