import {
  ListErasuresRequest,
  RotateDataKeysRequest,
  type Erasure,
  type GetKeyRotationResponse,
} from '../../src/gen/billing/v1/privacy_service.pb';
import { call, mustSucceed, type BillingClient, type Identity } from './clients';
import { newId } from './harness';

/** PrivacyService as people of operations call it. */

interface Callers {
  as(identity: Identity): BillingClient;
}

export function rotate(h: Callers, keyId = '', requestId = newId('rotate')) {
  const { privacy } = h.as('operations');
  return call(privacy.rotateDataKeys.bind(privacy), RotateDataKeysRequest.fromPartial({ requestId, keyId }));
}

export function rotationStatus(h: Callers, rotationId = ''): Promise<GetKeyRotationResponse> {
  const { privacy } = h.as('auditor');
  return mustSucceed(call(privacy.getKeyRotation.bind(privacy), { rotationId }));
}

/** Values that each key seals, all columns together. */
export async function sealedBy(h: Callers): Promise<Readonly<Record<string, number>>> {
  const { keys } = await rotationStatus(h);
  const total = (columns: readonly { readonly values: number }[]) =>
    columns.reduce((sum, { values }) => sum + values, 0);
  return Object.fromEntries(keys.map(({ keyId, columns }) => [keyId, total(columns)]));
}

export function proposeErasure(h: Callers, userId: string, requestId = newId('erase'), reason = 'request 114') {
  const { privacy } = h.as('operations');
  return call(privacy.eraseUser.bind(privacy), { requestId, userId, reason });
}

export function decideErasure(
  h: Callers,
  decision: 'approveErasure' | 'rejectErasure',
  erasureId: string,
  {
    identity = 'operations-2',
    requestId = newId('decide'),
  }: { readonly identity?: Identity; readonly requestId?: string } = {},
) {
  const { privacy } = h.as(identity);
  return call(privacy[decision].bind(privacy), { requestId, erasureId });
}

export async function readErasure(h: Callers, erasureId: string): Promise<Erasure> {
  const { privacy } = h.as('auditor');
  const { erasure } = await mustSucceed(call(privacy.getErasure.bind(privacy), { erasureId }));
  if (erasure === undefined) throw new Error(`no erasure ${erasureId}`);
  return erasure;
}

export async function listErasures(h: Callers, fields: Partial<ListErasuresRequest> = {}) {
  const { privacy } = h.as('auditor');
  return mustSucceed(call(privacy.listErasures.bind(privacy), ListErasuresRequest.fromPartial(fields)));
}

/** Proposes and approves; returns the id. */
export async function agreeToErase(h: Callers, userId: string): Promise<string> {
  const { erasure } = await mustSucceed(proposeErasure(h, userId));
  const erasureId = erasure?.erasureId ?? '';
  await mustSucceed(decideErasure(h, 'approveErasure', erasureId));
  return erasureId;
}
