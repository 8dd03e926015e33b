import type { handleUnaryCall, sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import type { Caller } from '../calls';
import { monotonicMs, systemClock } from '../clock';
import { type DomainError, platformErrors } from '../errors';
import type { Logger } from '../log';
import type { AccessCheck } from './access';
import type { AccessLog } from './access-log';
import type { CallLimits } from './call-limits';
import type { CallRecorder } from './call-record';
import type { CallContext } from './context';
import { undecodableRefusal, UndecodableRequest } from './decode';
import { HandlerContext, LazyAbort } from './handler-context';
import { callerOf } from './identity';
import type { InflightGate } from './inflight';
import type { RpcMethod } from './service';
import { refusalOf, statusOf } from './status';

/** What every call of a server shares. */
export interface CallFrame {
  readonly checkAccess: AccessCheck;
  readonly accessLog: AccessLog;
  readonly callLimits: CallLimits;
  readonly gate: InflightGate;
  readonly log: Logger;
  readonly recorder: CallRecorder;
  /** For calls whose client set no deadline. */
  readonly deadlineDefaultMs: number;
  /** A client's longer deadline is cut to this. */
  readonly deadlineMaxMs: number;
}

/** Timers of client and server are not exact: a cancellation this close to the deadline is the deadline. */
const DEADLINE_SLACK_MS = 20;

/**
 * Makes a grpc-js handler of an RpcMethod. In this order: who calls, so often, may they, is there room, is the request decodable,
 * is there time left; then the handler; then the record of it, where a person looks at what is sensitive. A call that is denied
 * counts as one made: each costs an answer and a line of the log. Whatever happens, the caller is answered exactly once, one line
 * is logged and the call is counted. A call past its deadline is answered at once while its handler is still awaited: it counts as
 * in flight until it has really ended.
 */
export function adaptUnary(frame: CallFrame, method: RpcMethod): handleUnaryCall<unknown, Buffer> {
  return (call, callback) => {
    new UnaryCall(frame, method, call, callback).start();
  };
}

class UnaryCall {
  private readonly startedAtMs = monotonicMs();
  private readonly abort = new LazyAbort();
  private caller: Caller | undefined;
  private deadlineTimer: NodeJS.Timeout | undefined;
  private isAnswered = false;

  constructor(
    private readonly frame: CallFrame,
    private readonly method: RpcMethod,
    private readonly call: ServerUnaryCall<unknown, Buffer>,
    private readonly callback: sendUnaryData<Buffer>,
  ) {}

  start(): void {
    try {
      this.caller = callerOf(this.call);
      this.frame.callLimits.spend(this.caller);
      this.frame.checkAccess(this.caller, this.method.rpc);
      const leave = this.frame.gate.enter();
      void this.run(this.caller, leave);
    } catch (error) {
      this.answer(refusalOf(error));
    }
  }

  /** Never rejects. */
  private async run(caller: Caller, leave: () => void): Promise<void> {
    try {
      const context = this.contextFor(caller);
      const response = await this.method.handler(context, this.call.request);
      const bytes = this.method.encode(response);
      // No record, no answer.
      const recorded = this.frame.accessLog.record(caller, this.method.rpc, this.call.request);
      if (recorded !== undefined) await recorded;
      this.answer(undefined, bytes);
    } catch (error) {
      const refusal = refusalOf(error);
      if (this.isAnswered) this.logLateFailure(refusal);
      else this.answer(refusal);
    } finally {
      leave();
    }
  }

  /** Throws what the call is refused with before its handler begins. */
  private contextFor(caller: Caller): CallContext {
    const { request } = this.call;
    const { rpc } = this.method;
    if (request instanceof UndecodableRequest) throw undecodableRefusal(rpc, request);
    const nowMs = systemClock.machineNow().getTime();
    const deadlineMs = this.deadlineMsFrom(nowMs);
    if (deadlineMs <= nowMs) throw platformErrors.DEADLINE_EXCEEDED();
    this.deadlineTimer = setTimeout(() => this.stop(platformErrors.DEADLINE_EXCEEDED), deadlineMs - nowMs);
    // grpc-js emits this after answered calls too; stop() tells them apart.
    this.call.on('cancelled', () => this.stop(() => this.cancellation(deadlineMs)));
    const { startedAtMs, abort } = this;
    return new HandlerContext({ caller, rpc, startedAtMs, request, deadlineMs, abort, log: this.frame.log });
  }

  private deadlineMsFrom(nowMs: number): number {
    const asked = this.call.getDeadline();
    const askedMs = asked instanceof Date ? asked.getTime() : asked;
    if (!Number.isFinite(askedMs)) return nowMs + this.frame.deadlineDefaultMs;
    return Math.min(askedMs, nowMs + this.frame.deadlineMaxMs);
  }

  private cancellation(deadlineMs: number): DomainError {
    const isLate = systemClock.machineNow().getTime() >= deadlineMs - DEADLINE_SLACK_MS;
    return isLate ? platformErrors.DEADLINE_EXCEEDED() : platformErrors.CANCELLED();
  }

  /** Answers and tells the handler to give up; does nothing once the call is answered. */
  private stop(reason: () => DomainError): void {
    if (this.isAnswered) return;
    const refusal = reason();
    this.answer(refusal);
    this.abort.abort(refusal);
  }

  private answer(refusal: DomainError | undefined, bytes?: Buffer): void {
    if (this.isAnswered) return;
    this.isAnswered = true;
    clearTimeout(this.deadlineTimer);
    if (refusal === undefined) this.callback(null, bytes ?? null);
    else this.callback(statusOf(refusal));
    const { request } = this.call;
    const { rpc } = this.method;
    const { startedAtMs, caller } = this;
    const peer = caller === undefined ? this.call.getPeer() : '';
    this.frame.recorder.record({ rpc, caller, peer, request, startedAtMs, refusal });
  }

  /** A fault after the answer must not be lost; giving up because the call was over is no fault. */
  private logLateFailure(refusal: DomainError): void {
    if (refusal.code !== 'INTERNAL') return;
    const { rpc } = this.method;
    this.frame.log.error({ rpc, caller: this.caller?.identity, err: refusal.cause }, 'handler failed after its answer');
  }
}
