import { DomainError, type ErrorCode } from '../errors';

/** Refusals that time alone mends: the database or WeChat Pay is away, or too much is going on. */
const TRANSIENT: ReadonlySet<ErrorCode> = new Set([
  'ABORTED',
  'RESOURCE_EXHAUSTED',
  'DEADLINE_EXCEEDED',
  'CANCELLED',
  'UNAVAILABLE',
]);

/** Whether waiting mends it: such a failure never makes a dead letter; the work is due again by itself. */
export function isTransient(error: unknown): boolean {
  return error instanceof DomainError && TRANSIENT.has(error.code);
}

/** Longest text of an error that is kept. */
const ERROR_CHARACTERS_MAX = 1_000;

/**
 * What went wrong, in one text for people. What the database said is told without the statement, which may hold what is
 * personal.
 */
export function describeFailure(error: unknown): string {
  return textOf(error).slice(0, ERROR_CHARACTERS_MAX);
}

function textOf(error: unknown): string {
  if (error instanceof DomainError) {
    const { reason, message, metadata, cause } = error;
    const facts = Object.keys(metadata).length === 0 ? '' : ` ${JSON.stringify(metadata)}`;
    return `${reason}: ${message}${facts}${cause === undefined ? '' : ` (${textOf(cause)})`}`;
  }
  if (!(error instanceof Error)) return String(error);
  const { sqlMessage, code } = databaseAnswer(error);
  return sqlMessage === undefined ? `${error.name}: ${error.message}` : `${code ?? 'database'}: ${sqlMessage}`;
}

interface DatabaseAnswer {
  readonly sqlMessage?: string;
  readonly code?: string;
}

/** What the server answered; Objection wraps what the driver threw. */
function databaseAnswer(error: Error): DatabaseAnswer {
  return (error as { readonly nativeError?: DatabaseAnswer }).nativeError ?? (error as DatabaseAnswer);
}
