import { AuditServiceService } from '../gen/billing/v1/audit_service.pb';
import { defineService, type Handlers, type RpcService } from '../platform/rpc/service';

/**
 * Handlers of every RPC of AuditService. Each part of this folder makes those of its own RPCs (audit-log.rpc.ts,
 * anchor, review, evidence); the root puts them together, and one that is missing does not compile.
 */
export type AuditHandlers = Handlers<typeof AuditServiceService>;

/** AuditService of the handlers of all its parts. */
export function createAuditService(handlers: AuditHandlers): RpcService {
  return defineService(AuditServiceService, handlers);
}
