import type { ServiceDefinition } from '@grpc/grpc-js';
import type { UnaryHandler } from './context';
import { decodeRequest } from './decode';

/** What ts-proto generates for a unary RPC, as far as the server needs it. */
interface UnaryDefinition {
  readonly path: string;
  readonly requestStream: false;
  readonly responseStream: false;
  readonly requestDeserialize: (bytes: Buffer) => unknown;
  readonly responseSerialize: (response: never) => Buffer;
}

type RequestOf<Method> = Method extends { requestDeserialize: (bytes: Buffer) => infer Request } ? Request : never;
type ResponseOf<Method> = Method extends { responseSerialize: (response: infer Response) => Buffer } ? Response : never;

/** One handler for each RPC of a generated service definition; none can be left out. */
export type Handlers<Definition> = {
  readonly [Method in keyof Definition]: UnaryHandler<RequestOf<Definition[Method]>, ResponseOf<Definition[Method]>>;
};

/** One RPC with its types erased, ready for the adapter. */
export interface RpcMethod {
  /** `package.Service/Method`. */
  readonly rpc: string;
  readonly decode: (bytes: Buffer) => unknown;
  readonly encode: (response: unknown) => Buffer;
  readonly handler: UnaryHandler<unknown, unknown>;
}

/** A service that `createRpcServer` can serve. */
export interface RpcService {
  /** `package.Service`. */
  readonly name: string;
  readonly methods: readonly RpcMethod[];
}

/** Joins a generated service definition (`QuotaServiceService`) with its handlers. */
export function defineService<Definition extends Readonly<Record<string, UnaryDefinition>>>(
  definition: Definition,
  handlers: Handlers<Definition>,
): RpcService {
  const methods = Object.entries(definition).map(([method, unary]) => ({
    rpc: unary.path.slice(1),
    decode: (bytes: Buffer) => decodeRequest(unary.requestDeserialize, bytes),
    encode: unary.responseSerialize as (response: unknown) => Buffer,
    handler: handlers[method as keyof Definition] as unknown as UnaryHandler<unknown, unknown>,
  }));
  const [name = ''] = (methods[0]?.rpc ?? '').split('/');
  return { name, methods };
}

/**
 * The definition that grpc-js serves. The adapter encodes responses itself, so that one which can not be encoded is
 * logged and answered like any other fault; what it hands to grpc-js are finished bytes.
 */
export function wireDefinition(service: RpcService): ServiceDefinition {
  const asBytes = (bytes: Buffer): Buffer => bytes;
  return Object.fromEntries(
    service.methods.map(({ rpc, decode }) => [
      rpc,
      {
        path: `/${rpc}`,
        requestStream: false,
        responseStream: false,
        requestSerialize: asBytes,
        requestDeserialize: decode,
        responseSerialize: asBytes,
        responseDeserialize: asBytes,
      },
    ]),
  );
}
