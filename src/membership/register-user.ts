import type { Caller } from '../platform/calls';
import type { Database } from '../platform/db/database';
import { runCommand, type CommandEffect, type CommandResult } from '../platform/db/command';
import type { Tx } from '../platform/db/tx';
import { addPeriods } from '../platform/time';
import { grantQuota, insertAccount, lockUser, lockUserIfAny, openBook, usableUnits, type UserRow } from '../quota';
import { countGrant, grantDayOf, refuseWhenFull, type GrantDay } from './registration-cap';
import { claimGrant, hadGrant, recordIdentities, type Identities } from './registration-identities';

/** Register a user. */
export interface RegisterUserCommand {
  readonly requestId: string;
  readonly userId: string;
  readonly identities: Identities;
  readonly caller: Caller;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/** What a new user is given, and how many of them a caller may register with it on a business day. */
export interface RegistrationPolicy {
  readonly grantUnits: number;
  readonly grantDays: number;
  readonly grantsPerDayMax: number;
}

/** The stored answer. */
export interface Registration {
  readonly userId: string;
  /** ISO 8601. */
  readonly createTime: string;
  readonly quotaRemaining: number;
  readonly registrationGranted: boolean;
  /** Why not. Answers stored before there were identities do not say: the user was known. */
  readonly withheld?: 'user_known' | 'identity_known';
}

/**
 * Makes a user known and gives the registration grant, once per user ever and once per identity ever: the primary keys of
 * the user and of the identities decide, whatever the request_id. Registering a known user, or a new one whose identity
 * had its grant, succeeds and gives nothing. Throws RATE_LIMITED when the caller gave all the grants of the day.
 */
export async function registerUser(
  db: Database,
  command: RegisterUserCommand,
  policy: RegistrationPolicy,
): Promise<CommandResult<Registration>> {
  const { userId, identities, requestId, now, signal } = command;
  const key = { service: 'MembershipService', owner: `user:${userId}`, requestId, kind: 'RegisterUser' };
  // The stored hash of this must not let anybody guess the identities: their indexes are compared, not what was sent.
  const content = { user_id: userId, identity_hashes: identities.map((index) => index.toString('hex')) };
  return runCommand<UserRow | undefined, Registration>(
    db,
    { ...key, content, now, signal },
    {
      lock: (tx) => lockUserIfAny(tx, userId),
      run: (tx, known) => (known === undefined ? registerNew(tx, command, policy) : describeKnown(tx, known, now)),
    },
  );
}

async function describeKnown(tx: Tx, known: UserRow, now: Date): Promise<CommandEffect<Registration>> {
  const { lots } = await openBook(tx, known, now);
  const quotaRemaining = usableUnits(lots, now);
  const createTime = known.createTime.toISOString();
  const response = { userId: known.id, createTime, quotaRemaining, registrationGranted: false } as const;
  return { response: { ...response, withheld: 'user_known' }, audit: [], events: [] };
}

/** Lock order: the user, the identities by index; last of all the caller's day, because everybody waits for that one. */
async function registerNew(
  tx: Tx,
  command: RegisterUserCommand,
  policy: RegistrationPolicy,
): Promise<CommandEffect<Registration>> {
  const { userId, identities, now, caller } = command;
  const grantDay = grantDayOf(caller.identity, now, policy.grantsPerDayMax);
  await insertAccount(tx, userId, now);
  const isGranted = await claimUnlessHad(tx, command, grantDay);
  await recordIdentities(tx, userId, identities, now);
  if (!isGranted) return effectOf(command, 0);
  const effect = effectOf(command, await giveGrant(tx, command, policy));
  return { ...effect, countLast: (inTx) => countGrant(inTx, grantDay) };
}

/** Whether the user gets the grant; from then on none of the identities ever does again. */
async function claimUnlessHad(tx: Tx, command: RegisterUserCommand, grantDay: GrantDay): Promise<boolean> {
  const { userId, identities, now } = command;
  if (await hadGrant(tx, identities)) return false;
  await refuseWhenFull(tx, grantDay);
  return claimGrant(tx, userId, identities, now);
}

async function giveGrant(tx: Tx, command: RegisterUserCommand, policy: RegistrationPolicy): Promise<number> {
  const { userId, now, caller } = command;
  const grant = {
    source: 'registration',
    sourceRef: 'registration',
    orderId: null,
    units: policy.grantUnits,
    expireTime: addPeriods(now, 'day', policy.grantDays),
    actor: caller.identity,
    description: '新用户注册赠送',
  } as const;
  return (await grantQuota(tx, await lockUser(tx, userId), grant, now)).quotaRemaining;
}

/** What registering a new user did; without units the identity had its grant. */
function effectOf(command: RegisterUserCommand, quotaRemaining: number): CommandEffect<Registration> {
  const { userId, requestId, now, caller } = command;
  const isGranted = quotaRemaining > 0;
  const why = isGranted ? {} : ({ withheld: 'identity_known' } as const);
  const subject = { subjectType: 'user', subjectId: userId, userId } as const;
  const after = { registration_grant: quotaRemaining, ...why };
  return {
    response: { userId, createTime: now.toISOString(), quotaRemaining, registrationGranted: isGranted, ...why },
    audit: [{ action: 'RegisterUser', actor: caller.identity, ...subject, cause: requestId, after }],
    events: [{ type: 'user.registered', userId, payload: { user_id: userId } }],
  };
}
