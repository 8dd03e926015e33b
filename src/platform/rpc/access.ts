import { ROLES, type Caller, type Role } from '../calls';
import { platformErrors } from '../errors';

/**
 * Which RPCs each role may call, by full name (`billing.v1.QuotaService/GetQuota`). What is not listed is denied; there
 * are no wildcards, so that a new RPC is open to nobody until someone decides.
 */
export type AccessMatrix = Readonly<Record<Role, readonly string[]>>;

/** Throws CALLER_NOT_ALLOWED unless the caller's role may call the RPC. */
export type AccessCheck = (caller: Caller, rpc: string) => void;

/** Makes the check of a matrix. */
export function createAccessCheck(matrix: AccessMatrix): AccessCheck {
  const allowed = new Map(ROLES.map((role) => [role, new Set(matrix[role])]));
  return (caller, rpc) => {
    if (allowed.get(caller.role)?.has(rpc) === true) return;
    throw platformErrors.CALLER_NOT_ALLOWED({ metadata: { role: caller.role, rpc } });
  };
}
