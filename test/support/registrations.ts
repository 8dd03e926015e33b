import {
  GrantWithheldReason,
  RegisterUserRequest,
  type RegisterUserResponse,
} from '../../src/gen/billing/v1/membership_service.pb';
import { call, type Reply } from './clients';
import type { Harness } from './harness';

/** RegisterUser as the order service calls it, with who is behind the user. */
export function registerWith(
  h: Harness,
  userId: string,
  identityHashes: readonly string[],
  requestId = 'register',
): Promise<Reply<RegisterUserResponse>> {
  const { membership } = h.as('order-service');
  const request = RegisterUserRequest.fromPartial({ requestId, userId, identityHashes: [...identityHashes] });
  return call(membership.registerUser.bind(membership), request);
}

/** What a registration came to, in words. */
export function outcomeOf(response: RegisterUserResponse): 'granted' | 'user known' | 'identity known' | 'unsaid' {
  if (response.registrationGranted) {
    return response.grantWithheldReason === GrantWithheldReason.UNSPECIFIED ? 'granted' : 'unsaid';
  }
  if (response.grantWithheldReason === GrantWithheldReason.USER_KNOWN) return 'user known';
  return response.grantWithheldReason === GrantWithheldReason.IDENTITY_KNOWN ? 'identity known' : 'unsaid';
}
