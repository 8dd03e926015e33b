import { status, type ServiceError } from '@grpc/grpc-js';
import { CommanderError, InvalidArgumentError } from 'commander';
import { ErrorInfo } from '../gen/google/rpc/error_details.pb';
import { Status } from '../gen/google/rpc/status.pb';

const ERROR_INFO_TYPE = 'type.googleapis.com/google.rpc.ErrorInfo';

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'metadata' in error && 'details' in error;
}

function readErrorInfo(error: ServiceError): ErrorInfo | undefined {
  const [trailer] = error.metadata.get('grpc-status-details-bin');
  if (!Buffer.isBuffer(trailer)) return undefined;
  const info = Status.decode(trailer).details.find((detail) => detail.typeUrl === ERROR_INFO_TYPE);
  return info === undefined ? undefined : ErrorInfo.decode(info.value);
}

/** A command that failed under a request id. */
class RequestFailed extends Error {
  constructor(
    readonly requestId: string,
    override readonly cause: unknown,
  ) {
    super(`The request ${requestId} failed.`, { cause });
  }
}

/**
 * Has a failure tell the request id too, which nobody has seen if it was made here: where the outcome is not known, only a
 * repeat under the same id does nothing twice.
 */
export function tellRequestId(requestId: string): (error: unknown) => never {
  return (error) => {
    throw new RequestFailed(requestId, error);
  };
}

/** What went wrong, for a program. */
export interface Failure {
  /** Name of the gRPC status: the service's; else INVALID_ARGUMENT for a wrong command line, UNKNOWN for the rest. */
  readonly code: string;
  /** The service's reason, as docs/errors.md lists them. */
  readonly reason: string | null;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What an error of a command says. */
export function readFailure(error: unknown): Failure {
  if (error instanceof RequestFailed) {
    const failure = readFailure(error.cause);
    return { ...failure, metadata: { ...failure.metadata, request_id: error.requestId } };
  }
  if (isServiceError(error)) {
    const info = readErrorInfo(error);
    const { reason = null, metadata = {} } = info ?? {};
    return { code: status[error.code] ?? String(error.code), reason, message: error.details, metadata };
  }
  const code = error instanceof CommanderError ? 'INVALID_ARGUMENT' : 'UNKNOWN';
  const message = error instanceof Error ? error.message : String(error);
  return { code, reason: null, message: message.replace(/^error: /, ''), metadata: {} };
}

/** What went wrong, for a person: code, reason, sentence and facts. */
function describeFailure(error: unknown): string {
  const { code, reason, message, metadata } = readFailure(error);
  if (!isServiceError(error instanceof RequestFailed ? error.cause : error)) return message;
  const heading = reason === null ? code : `${code} / ${reason}`;
  return [`${heading}: ${message}`, ...Object.entries(metadata).map(([name, value]) => `  ${name}=${value}`)].join(
    '\n',
  );
}

/** Commander throws these after it has told a person; an InvalidArgumentError that gets this far is from a command. */
function isToldAlready(error: unknown): boolean {
  return error instanceof CommanderError && !(error instanceof InvalidArgumentError);
}

/**
 * Tells standard error what made a command fail, with --json as one object, and returns the exit code. Commander ends
 * --help and --version by an error too, whose exit code is 0.
 */
export function reportFailure(error: unknown, isJson: boolean): number {
  const exitCode = error instanceof CommanderError ? error.exitCode : 1;
  if (exitCode === 0) return 0;
  if (isJson) process.stderr.write(`${JSON.stringify(readFailure(error), null, 2)}\n`);
  else if (!isToldAlready(error)) process.stderr.write(`${describeFailure(error)}\n`);
  return exitCode;
}
