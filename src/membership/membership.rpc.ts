import { z } from 'zod';
import {
  GrantWithheldReason,
  MembershipServiceService,
  type Membership,
} from '../gen/billing/v1/membership_service.pb';
import { readPlansOnSale, toPlanMessage } from '../catalog';
import type { Clock } from '../platform/clock';
import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import { cutPage, readPageToken } from '../platform/paging';
import * as rules from '../platform/request-rules';
import { defineService, type RpcService } from '../platform/rpc/service';
import { fromEpochMs } from '../platform/time';
import { checkEntitlement } from './check-entitlement';
import { toEntitlementMessage } from './entitlement-messages.rpc';
import { readMembership, type MembershipView } from './membership.queries';
import { registerUser, type Registration, type RegistrationPolicy } from './register-user';
import { createIdentityIndex, indexIdentities } from './registration-identities';

const IDENTITY_HASHES_MAX = 10;
const identityHash = z.string().regex(/^[\x20-\x7e]{1,128}$/, 'must be 1 to 128 printable ASCII characters');
const registerRequest = z.object({
  requestId: rules.opaqueId,
  userId: rules.opaqueId,
  // Their number first: a request may hold a million.
  identityHashes: z
    .array(z.string())
    .max(IDENTITY_HASHES_MAX, `has more than ${IDENTITY_HASHES_MAX} entries`)
    .pipe(z.array(identityHash)),
});
const getRequest = z.object({ userId: rules.opaqueId });
const checkRequest = z.object({ userId: rules.opaqueId, feature: rules.opaqueId, amount: rules.units });
const listRequest = z.object({ pageSize: rules.pageSize, pageToken: rules.pageToken });

/** View → message; GetQuota shows the same. */
export function toMembershipMessage(view: MembershipView): Membership {
  return { ...view, features: [...view.features] };
}

function withheldReason({ registrationGranted, withheld = 'user_known' }: Registration): GrantWithheldReason {
  if (registrationGranted) return GrantWithheldReason.UNSPECIFIED;
  return withheld === 'user_known' ? GrantWithheldReason.USER_KNOWN : GrantWithheldReason.IDENTITY_KNOWN;
}

/** What MembershipService is built from. */
export interface MembershipServiceParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly policy: RegistrationPolicy;
  /** 32 bytes, under which identities are indexed. */
  readonly identityIndexKey: Buffer;
}

/** MembershipService: decode, call, encode. */
export function createMembershipService(parts: MembershipServiceParts): RpcService {
  const { db, clock, policy } = parts;
  const identityIndex = createIdentityIndex(parts.identityIndexKey);
  return defineService(MembershipServiceService, {
    registerUser: async ({ caller, signal }, request) => {
      const { requestId, userId, identityHashes } = registerRequest.parse(request);
      const identities = indexIdentities(identityIndex, identityHashes);
      const command = { requestId, userId, identities, caller, signal, now: clock.now() };
      const { response, replayed } = await registerUser(db, command, policy);
      const { quotaRemaining, registrationGranted } = response;
      const createTime = fromEpochMs(Date.parse(response.createTime));
      const grantWithheldReason = withheldReason(response);
      return { user: { userId, createTime }, quotaRemaining, registrationGranted, grantWithheldReason, replayed };
    },
    getMembership: async (_context, request) => {
      const { userId } = getRequest.parse(request);
      return { membership: toMembershipMessage(await readMembership(db, userId, clock.now())) };
    },
    checkEntitlement: async (_context, request) => {
      const { userId, feature, amount } = checkRequest.parse(request);
      return toEntitlementMessage(await checkEntitlement(db, userId, feature, amount, clock.now()));
    },
    listPlans: async (_context, request) => {
      const { pageSize, pageToken } = listRequest.parse(request);
      const filters = { list: 'plans' };
      const after = readPageToken(pageToken, filters) ?? '';
      const offers = await readOnly(db, (reader) => readPlansOnSale(reader, clock.now(), pageSize + 1, after));
      const page = cutPage(offers, pageSize, filters, (offer) => offer.planId);
      return { plans: page.rows.map(toPlanMessage), nextPageToken: page.nextPageToken };
    },
  });
}
