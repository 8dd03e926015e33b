import type {
  handleUnaryCall,
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
  ServiceDefinition,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { platformErrors } from '../errors';
import type { Logger } from '../log';
import type { CallLimits } from './call-limits';
import { callerOf } from './identity';
import { refusalOf, statusOf } from './status';

type UntypedStream = ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>;

/**
 * The standard services, health and reflection: open to every caller whose certificate names a known role, to nobody
 * else, and logged at debug only. Their streams stay open as long as a client likes, so they are kept here to be ended
 * at shutdown.
 */
export class StandardServices {
  private readonly openStreams = new Set<UntypedStream>();

  constructor(
    private readonly log: Logger,
    private readonly callLimits: CallLimits,
  ) {}

  /** Wraps every handler of a service so that it answers known callers only. */
  guard(definition: ServiceDefinition, implementation: UntypedServiceImplementation): UntypedServiceImplementation {
    const guarded = Object.entries(definition).map(([method, { path, responseStream, originalName }]) => {
      // Definitions made by proto-loader are keyed `Check`, their implementations `check`.
      const handler = implementation[method] ?? implementation[originalName ?? method];
      if (handler === undefined) throw new Error(`The implementation lacks ${path}.`);
      const wrapped = responseStream
        ? this.guardStream(path, handler as (call: UntypedStream) => void)
        : this.guardUnary(path, handler as handleUnaryCall<unknown, unknown>);
      return [method, wrapped];
    });
    return Object.fromEntries(guarded) as UntypedServiceImplementation;
  }

  /** Ends every open stream with SHUTTING_DOWN. */
  endStreams(): void {
    for (const call of this.openStreams) call.emit('error', statusOf(platformErrors.SHUTTING_DOWN()));
    this.openStreams.clear();
  }

  /** Counts one request of a stream among the calls of its caller. False where it is one too many: the stream has ended then. */
  spend(call: ServerDuplexStream<unknown, unknown>): boolean {
    try {
      this.callLimits.spend(callerOf(call));
      return true;
    } catch (error) {
      const refusal = refusalOf(error);
      this.log.info(
        { rpc: call.getPath().slice(1), caller: callerOf(call).identity, code: refusal.code, reason: refusal.reason },
        'call refused',
      );
      this.openStreams.delete(call);
      call.emit('error', statusOf(refusal));
      return false;
    }
  }

  private guardUnary(path: string, handler: handleUnaryCall<unknown, unknown>) {
    return (call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>): void => {
      const refusal = this.refusalFor(path, call);
      if (refusal === undefined) handler(call, callback);
      else callback(refusal);
    };
  }

  private guardStream(path: string, handler: (call: UntypedStream) => void) {
    return (call: UntypedStream): void => {
      const refusal = this.refusalFor(path, call);
      if (refusal !== undefined) {
        // grpc-js answers a stream with the status that is emitted as its error.
        call.emit('error', refusal);
        return;
      }
      this.openStreams.add(call);
      call.on('cancelled', () => this.openStreams.delete(call));
      handler(call);
    };
  }

  private refusalFor(path: string, call: Parameters<typeof callerOf>[0]): ReturnType<typeof statusOf> | undefined {
    const rpc = path.slice(1);
    try {
      const caller = callerOf(call);
      this.log.debug({ rpc, caller: caller.identity }, 'call answered');
      return undefined;
    } catch (error) {
      const refusal = refusalOf(error);
      this.log.warn(
        { rpc, caller: 'unknown', peer: call.getPeer(), code: refusal.code, reason: refusal.reason },
        'call refused',
      );
      return statusOf(refusal);
    }
  }
}
