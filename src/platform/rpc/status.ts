import { Metadata, status, type StatusObject } from '@grpc/grpc-js';
import { ZodError } from 'zod';
import { BadRequest, ErrorInfo, RetryInfo } from '../../gen/google/rpc/error_details.pb';
import { Status } from '../../gen/google/rpc/status.pb';
import { DomainError, platformErrors, type ErrorCode, type FieldViolation } from '../errors';

/** ErrorInfo.domain of every refusal. */
const ERROR_DOMAIN = 'billing-guard';

/** Trailers must stay under the 8 KiB of headers that gRPC peers accept by default; base64 adds a third. */
export const VIOLATIONS_MAX = 16;
const METADATA_ENTRIES_MAX = 8;
const TEXT_LENGTH_MAX = 96;

/** The error that a caller gets for whatever was thrown; what is not a refusal becomes INTERNAL and keeps its cause. */
export function refusalOf(thrown: unknown): DomainError {
  if (thrown instanceof DomainError) return thrown;
  if (thrown instanceof ZodError) {
    return platformErrors.INVALID_REQUEST({ fieldViolations: violationsOf(thrown), cause: thrown });
  }
  return platformErrors.INTERNAL({ cause: thrown });
}

/** The number of a gRPC status code. */
export function statusCodeOf(code: ErrorCode): number {
  return status[code];
}

/**
 * The gRPC status of a refusal. `grpc-status-details-bin` carries a google.rpc.Status with one ErrorInfo, a BadRequest
 * when fields are named and a RetryInfo when a retry helps. The cause is never sent.
 */
export function statusOf(refusal: DomainError): StatusObject {
  const code = status[refusal.code];
  const details = { code, message: refusal.message, details: detailsOf(refusal) };
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(Status.encode(details).finish()));
  return { code, details: refusal.message, metadata };
}

function detailsOf(refusal: DomainError): Status['details'] {
  const entries = Object.entries(refusal.metadata).slice(0, METADATA_ENTRIES_MAX);
  const metadata = Object.fromEntries(entries.map(([key, value]) => [bounded(key), bounded(value)]));
  const info = ErrorInfo.encode({ reason: refusal.reason, domain: ERROR_DOMAIN, metadata });
  const details = [packed('ErrorInfo', info.finish())];
  if (refusal.fieldViolations.length > 0) {
    const fieldViolations = refusal.fieldViolations.slice(0, VIOLATIONS_MAX).map(badRequestEntry);
    details.push(packed('BadRequest', BadRequest.encode(BadRequest.fromPartial({ fieldViolations })).finish()));
  }
  if (refusal.retryAfterMs !== undefined) {
    const seconds = Math.floor(refusal.retryAfterMs / 1_000);
    const nanos = (refusal.retryAfterMs % 1_000) * 1_000_000;
    details.push(packed('RetryInfo', RetryInfo.encode({ retryDelay: { seconds, nanos } }).finish()));
  }
  return details;
}

function packed(message: string, bytes: Uint8Array): Status['details'][number] {
  return { typeUrl: `type.googleapis.com/google.rpc.${message}`, value: Buffer.from(bytes) };
}

function badRequestEntry(violation: FieldViolation): FieldViolation {
  return { field: bounded(violation.field), description: bounded(violation.description) };
}

function bounded(text: string): string {
  return text.length <= TEXT_LENGTH_MAX ? text : `${text.slice(0, TEXT_LENGTH_MAX - 1)}…`;
}

function violationsOf(error: ZodError): FieldViolation[] {
  return error.issues.map((issue) => ({ field: protoPath(issue.path), description: issue.message }));
}

/** A path of our TypeScript names in proto names: ['items', 3, 'userId'] is `items[3].user_id`. */
function protoPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((parent, step) => {
    if (typeof step === 'number') return `${parent}[${step}]`;
    const name = String(step).replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return parent === '' ? name : `${parent}.${name}`;
  }, '');
}
