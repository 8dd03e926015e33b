import type { Caller } from '../platform/calls';
import type { Database } from '../platform/db/database';
import { runCommand, type CommandResult } from '../platform/db/command';
import { addPeriods } from '../platform/time';
import { grantQuota, insertAccount, lockUser, lockUserIfAny, openBook, usableUnits } from '../quota';

/** Register a user. */
export interface RegisterUserCommand {
  readonly requestId: string;
  readonly userId: string;
  readonly caller: Caller;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/** What a new user is given. */
export interface RegistrationPolicy {
  readonly grantUnits: number;
  readonly grantDays: number;
}

/** The stored answer. */
export interface Registration {
  readonly userId: string;
  /** ISO 8601. */
  readonly createTime: string;
  readonly quotaRemaining: number;
  readonly registrationGranted: boolean;
}

/**
 * Makes a user known and gives the registration grant, once per user ever: the user's primary key and the grant's
 * unique source decide, whatever the request_id. Registering a known user succeeds and gives nothing.
 */
export async function registerUser(
  db: Database,
  command: RegisterUserCommand,
  policy: RegistrationPolicy,
): Promise<CommandResult<Registration>> {
  const { userId, requestId, now, caller, signal } = command;
  const key = { service: 'MembershipService', owner: `user:${userId}`, requestId, kind: 'RegisterUser' };
  return runCommand<Awaited<ReturnType<typeof lockUserIfAny>>, Registration>(
    db,
    { ...key, content: { user_id: userId }, now, signal },
    {
      lock: (tx) => lockUserIfAny(tx, userId),
      run: async (tx, known) => {
        if (known !== undefined) {
          const { lots } = await openBook(tx, known, now);
          const quotaRemaining = usableUnits(lots, now);
          const createTime = known.createTime.toISOString();
          const response = { userId, createTime, quotaRemaining, registrationGranted: false };
          return { response, audit: [], events: [] };
        }
        await insertAccount(tx, userId, now);
        const grant = {
          source: 'registration',
          sourceRef: 'registration',
          orderId: null,
          units: policy.grantUnits,
          expireTime: addPeriods(now, 'day', policy.grantDays),
          actor: caller.identity,
          description: '新用户注册赠送',
        } as const;
        const posting = await grantQuota(tx, await lockUser(tx, userId), grant, now);
        const subject = { subjectType: 'user', subjectId: userId, userId } as const;
        const after = { registration_grant: policy.grantUnits };
        return {
          response: {
            userId,
            createTime: now.toISOString(),
            quotaRemaining: posting.quotaRemaining,
            registrationGranted: true,
          },
          audit: [{ action: 'RegisterUser', actor: caller.identity, ...subject, cause: requestId, after }],
          events: [{ type: 'user.registered', userId, payload: { user_id: userId } }],
        };
      },
    },
  );
}
