import { status, type ServiceError } from '@grpc/grpc-js';
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

/** What went wrong, for a person: code, reason, sentence and facts. */
export function describeFailure(error: unknown): string {
  if (!isServiceError(error)) return error instanceof Error ? error.message : String(error);
  const info = readErrorInfo(error);
  const facts = Object.entries(info?.metadata ?? {}).map(([name, value]) => `${name}=${value}`);
  const heading = [status[error.code], info?.reason].filter((part) => part !== undefined).join(' / ');
  return [`${heading}: ${error.details}`, ...facts.map((fact) => `  ${fact}`)].join('\n');
}
