import { TLSSocket } from 'node:tls';
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

/**
 * Who is at the other end of each connection: taking a certificate apart costs a fifth of a whole call. A certificate
 * can not change within a connection: node:http2 turns renegotiation off, as HTTP/2 demands. Keyed by the connection itself, never by its
 * address, which somebody else may have next; only the known are kept.
 */
const callersByConnection = new WeakMap<object, Caller>();

/** Who makes a call, proved by TLS. Throws CALLER_UNKNOWN. */
export function callerOf(call: AuthenticatedCall): Caller {
  const connection = connectionOf(call);
  const known = connection && callersByConnection.get(connection);
  if (known !== undefined) return known;
  const caller = callerFromSubjectAltNames(call.getAuthContext()?.sslPeerCertificate?.subjectaltname);
  if (caller === undefined) throw platformErrors.CALLER_UNKNOWN();
  if (connection !== undefined && isMutualTls(connection)) callersByConnection.set(connection, caller);
  return caller;
}

/** A connection as node:http2 knows it: one session for one socket. */
interface Connection {
  readonly socket?: unknown;
}

/**
 * The HTTP/2 session of a call. grpc-js has no public way to it; where its private fields are not as they are in
 * 1.14.7 there is none, and the certificate is read for every call.
 */
function connectionOf(call: AuthenticatedCall): Connection | undefined {
  const { stream } = (call as { call?: { stream?: { session?: unknown } } }).call ?? {};
  const session = stream?.session;
  return typeof session === 'object' && session !== null ? session : undefined;
}

/** Whether this really is the connection that the certificate was read from, and not something that outlives it. */
function isMutualTls({ socket }: Connection): boolean {
  return socket instanceof TLSSocket && socket.authorized;
}

function isRole(role: string): role is Role {
  return (ROLES as readonly string[]).includes(role);
}
