/**
 * The one way a call is refused. Every refusal is an entry of a catalogue made by `defineErrors`: a stable reason, the
 * gRPC code it travels under, a constant message and, where a retry helps, when. Dynamic values go into `metadata`.
 * docs/errors.md lists every entry and what a client does about it; a contract test compares the two.
 *
 * Broken invariants are not refusals: they are `node:assert` failures, which reach the caller as INTERNAL.
 */

/** gRPC status codes a refusal may travel under, by name, so that domains need not know gRPC. */
export type ErrorCode =
  | 'INVALID_ARGUMENT'
  | 'UNAUTHENTICATED'
  | 'PERMISSION_DENIED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'RESOURCE_EXHAUSTED'
  | 'DEADLINE_EXCEEDED'
  | 'CANCELLED'
  | 'UNAVAILABLE'
  | 'INTERNAL';

/** One entry of a catalogue. */
export interface ErrorDefinition {
  readonly code: ErrorCode;
  /** Constant English sentence that says what is wrong and, where it is not obvious, what to do next. */
  readonly message: string;
  /** Present where an unchanged retry helps: how long to wait first. Sent as google.rpc.RetryInfo. */
  readonly retryAfterMs?: number;
}

/** What is wrong with one field of a request. Sent as google.rpc.BadRequest. */
export interface FieldViolation {
  /** Path in proto names, for example `items[3].amount`. */
  readonly field: string;
  readonly description: string;
}

/** Details of one refusal. */
export interface ErrorDetails {
  /** Values for machines; never secrets or personal data. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly fieldViolations?: readonly FieldViolation[];
  /** How long to wait, where this refusal knows better than its catalogue. */
  readonly retryAfterMs?: number;
  /** What made it happen. Logged, never sent. */
  readonly cause?: unknown;
}

/** A refusal on its way to the caller. */
export class DomainError extends Error {
  readonly reason: string;
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fieldViolations: readonly FieldViolation[];

  constructor(reason: string, definition: ErrorDefinition, details: ErrorDetails = {}) {
    super(definition.message, { cause: details.cause });
    this.name = 'DomainError';
    this.reason = reason;
    this.code = definition.code;
    this.retryAfterMs = details.retryAfterMs ?? definition.retryAfterMs;
    this.metadata = details.metadata ?? {};
    this.fieldViolations = details.fieldViolations ?? [];
  }
}

/** Makes one refusal; `definition` is there for the test of the catalogue. */
export interface ErrorFactory {
  (details?: ErrorDetails): DomainError;
  readonly definition: ErrorDefinition;
}

/** Turns a table of definitions into factories: `throw quotaErrors.QUOTA_INSUFFICIENT({ metadata })`. */
export function defineErrors<Reason extends string>(
  table: Record<Reason, ErrorDefinition>,
): Record<Reason, ErrorFactory> {
  const entries = Object.entries<ErrorDefinition>(table).map(([reason, definition]) => {
    const factory = (details?: ErrorDetails): DomainError => new DomainError(reason, definition, details);
    return [reason, Object.assign(factory, { definition })];
  });
  return Object.fromEntries(entries) as Record<Reason, ErrorFactory>;
}

/** Whether an error is a refusal with this reason. */
export function isReason(error: unknown, reason: string): boolean {
  return error instanceof DomainError && error.reason === reason;
}

/** Refusals that any RPC may give. */
export const platformErrors = defineErrors({
  INVALID_REQUEST: {
    code: 'INVALID_ARGUMENT',
    message: 'The request is malformed. Mend the fields named in BadRequest; do not retry it unchanged.',
  },
  CALLER_UNKNOWN: {
    code: 'UNAUTHENTICATED',
    message: 'The client certificate names no known role. Use a certificate with SAN spiffe://billing/<role>/<name>.',
  },
  CALLER_NOT_ALLOWED: {
    code: 'PERMISSION_DENIED',
    message: 'This caller may not call this RPC.',
  },
  SECOND_PERSON_REQUIRED: {
    code: 'PERMISSION_DENIED',
    message:
      'Two people have to agree: somebody has to do this who is not among the editors. What is active is paused before it is raised.',
  },
  REQUEST_ID_REUSED: {
    code: 'ALREADY_EXISTS',
    message: 'This request_id was used before with a different request. Mint a new one for a new request.',
  },
  CONTENTION: {
    code: 'ABORTED',
    message: 'Too many transactions wanted the same rows. Retry with the same request_id.',
    retryAfterMs: 100,
  },
  OVERLOADED: {
    code: 'RESOURCE_EXHAUSTED',
    message: 'The service has more work queued than it takes. Retry later with the same request_id.',
    retryAfterMs: 1_000,
  },
  RATE_LIMITED: {
    code: 'RESOURCE_EXHAUSTED',
    message: 'Too many of these in a short time. Retry later with the same request_id.',
    retryAfterMs: 10_000,
  },
  DATABASE_UNAVAILABLE: {
    code: 'UNAVAILABLE',
    message: 'The database can not be reached or did not answer. Retry with the same request_id.',
    retryAfterMs: 1_000,
  },
  SHUTTING_DOWN: {
    code: 'UNAVAILABLE',
    message: 'This replica is shutting down. Retry on another connection with the same request_id.',
    retryAfterMs: 100,
  },
  DEADLINE_EXCEEDED: {
    code: 'DEADLINE_EXCEEDED',
    message:
      'The call was not finished by its deadline; whether it took effect is not known. Retry with the same request_id.',
  },
  CANCELLED: {
    code: 'CANCELLED',
    message: 'The caller cancelled the call; whether it took effect is not known. Retry with the same request_id.',
  },
  INTERNAL: {
    code: 'INTERNAL',
    message:
      'A fault of the service. It was logged; whether it took effect is not known. Retry with the same request_id.',
  },
});
