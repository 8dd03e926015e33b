/** Who calls, and the frame of one call: what every use case above the database may know about its caller. */

/** Roles that a certificate can carry. One place: the access matrix and the tests are built from it. */
export const ROLES = ['ai-task-service', 'order-service', 'operations', 'finance', 'auditor'] as const;
export type Role = (typeof ROLES)[number];

/** The roles of people. What they look at is written down (rpc/access-log.ts); the others are services, which look all the time. */
export const PEOPLE: readonly Role[] = ['operations', 'finance', 'auditor'];

/** Whether a role is one of people. */
export function isPerson(role: Role): boolean {
  return PEOPLE.includes(role);
}

/** A person or a service, proved by its client certificate's SAN `spiffe://billing/<role>/<name>`. */
export interface Caller {
  readonly role: Role;
  /** The person or service within the role; two-person rules compare names. */
  readonly name: string;
  /** The whole SAN: what logs and audit rows record as the actor. */
  readonly identity: string;
}

/** The role in an identity `spiffe://billing/<role>/<name>`; the service's own is `system`. */
export function roleOf(identity: string): string {
  return identity.split('/').at(-2) ?? '';
}

/** What the service itself signs its own rows with: jobs, callbacks, side effects. */
export const SYSTEM_ACTOR = 'spiffe://billing/system/billing-guard';

/**
 * Whether a call was given up before its handler ended, and the DomainError that its caller got. Every AbortSignal is
 * one; who only looks, and need not be woken, takes this, as a signal costs more than the rest of a call's frame.
 */
export interface Cancellation {
  readonly aborted: boolean;
  readonly reason: unknown;
}
