import { BinaryReader } from '@bufbuild/protobuf/wire';
import { platformErrors, type DomainError } from '../errors';
import { requestTypeOf } from './descriptors';
import { findMalformedFields } from './malformed-fields';

/** A request that could not be decoded, kept so that the adapter can tell the caller which fields to mend. */
export class UndecodableRequest {
  constructor(
    readonly bytes: Buffer,
    readonly cause: unknown,
  ) {}
}

/** proto3 strings are UTF-8; the plain reader would replace what is not by U+FFFD and let it pass. */
class StrictReader extends BinaryReader {
  override string(): string {
    return super.string(true);
  }
}

/**
 * Decodes with ts-proto code, never throwing: gRPC would answer a throw with a bare INTERNAL, while an integer beyond
 * ±(2^53 − 1), text that is not UTF-8 or a truncated message are faults of the caller.
 */
export function decodeRequest(deserialize: (bytes: Buffer) => unknown, bytes: Buffer): unknown {
  try {
    // ts-proto's decode takes a reader where it takes bytes; its grpc-js typings only name the bytes.
    return deserialize(new StrictReader(bytes) as unknown as Buffer);
  } catch (cause) {
    return new UndecodableRequest(bytes, cause);
  }
}

/** INVALID_REQUEST that names the fields which made the request undecodable. */
export function undecodableRefusal(rpc: string, request: UndecodableRequest): DomainError {
  const requestType = requestTypeOf(rpc);
  const found = requestType === undefined ? [] : findMalformedFields(requestType, request.bytes);
  const fieldViolations = found.length > 0 ? found : [{ field: '', description: 'not a valid message' }];
  return platformErrors.INVALID_REQUEST({ fieldViolations, cause: request.cause });
}
