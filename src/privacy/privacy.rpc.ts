import { z } from 'zod';
import {
  ErasureState,
  KeyRotationState,
  PrivacyServiceService,
  type DataKeyUse,
  type Erasure,
  type KeyRotation,
} from '../gen/billing/v1/privacy_service.pb';
import type { Clock } from '../platform/clock';
import type { KeyRing } from '../platform/crypto/key-ring';
import type { CommandResult } from '../platform/db/command';
import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import * as rules from '../platform/request-rules';
import { defineService, type Handlers, type RpcService } from '../platform/rpc/service';
import { approveErasure, rejectErasure } from './decide-erasure';
import type { KeyRotationState as StoredRotationState } from './key-rotation.model';
import { readRotation, type RotationProgress } from './key-rotation.queries';
import { proposeErasure, type ErasureAnswer } from './propose-erasure';
import { rotateDataKeys } from './rotate-data-keys';
import { readKeyUses, type KeyUse } from './sealed-values.queries';
import type { ErasureState as StoredErasureState, UserErasureRow } from './user-erasure.model';
import { listErasures, readErasure } from './user-erasure.queries';

const ROTATION_STATES: Readonly<Record<StoredRotationState, KeyRotationState>> = {
  running: KeyRotationState.RUNNING,
  done: KeyRotationState.DONE,
  superseded: KeyRotationState.SUPERSEDED,
};

const ERASURE_STATES: Readonly<Record<StoredErasureState, ErasureState>> = {
  proposed: ErasureState.PROPOSED,
  approved: ErasureState.APPROVED,
  running: ErasureState.RUNNING,
  done: ErasureState.DONE,
  rejected: ErasureState.REJECTED,
};

const rotateRequest = z.object({
  requestId: rules.opaqueId,
  keyId: z.string().regex(/^[a-z0-9-]{0,16}$/, 'must be at most 16 of a-z 0-9 -'),
});
const rotationRequest = z.object({ rotationId: rules.optionalOpaqueId });
const eraseRequest = z.object({
  requestId: rules.opaqueId,
  userId: rules.opaqueId,
  reason: rules.freeText.refine((text) => text.trim() !== '', 'is required'),
});
const decideRequest = z.object({ requestId: rules.opaqueId, erasureId: rules.opaqueId });
const erasureRequest = z.object({ erasureId: rules.opaqueId });
const listRequest = z.object({
  state: rules.enumFilter(Object.values(ERASURE_STATES)),
  userId: rules.optionalOpaqueId,
  pageSize: rules.pageSize,
  pageToken: rules.pageToken,
});

function toRotationMessage({ rotation, columns }: RotationProgress): KeyRotation {
  const { id: rotationId, keyId, state, requestedBy, createTime, endTime } = rotation;
  const where = { state: ROTATION_STATES[state], endTime: endTime ?? undefined };
  return { rotationId, keyId, requestedBy, createTime, ...where, columns: [...columns] };
}

function toKeyMessage({ keyId, columns }: KeyUse, ring: KeyRing): DataKeyUse {
  const inRing = ring.ids().includes(keyId);
  return { keyId, inRing, seals: ring.first().id === keyId, columns: [...columns] };
}

function toErasureMessage(row: UserErasureRow): Erasure {
  const { id: erasureId, userId, reason, state, requestedBy, createTime, payers, notifications, identities } = row;
  return {
    ...{ erasureId, userId, reason, requestedBy, createTime, payers, notifications, identities },
    state: ERASURE_STATES[state],
    decidedBy: row.decidedBy ?? '',
    decideTime: row.decideTime ?? undefined,
    startTime: row.startTime ?? undefined,
    endTime: row.endTime ?? undefined,
  };
}

/** What PrivacyService is built from. */
export interface PrivacyServiceParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly keyRing: KeyRing;
}

type PrivacyHandlers = Handlers<typeof PrivacyServiceService>;
type KeyRpcs = 'rotateDataKeys' | 'getKeyRotation';

/** PrivacyService: decode, call, encode. */
export function createPrivacyService(parts: PrivacyServiceParts): RpcService {
  return defineService(PrivacyServiceService, { ...keys(parts), ...erasures(parts) });
}

function keys(parts: PrivacyServiceParts): Pick<PrivacyHandlers, KeyRpcs> {
  const { db, clock, keyRing } = parts;
  const rotationOf = async (rotationId: string): Promise<KeyRotation | undefined> => {
    const progress = await readRotation(db, rotationId);
    return progress === undefined ? undefined : toRotationMessage(progress);
  };
  return {
    rotateDataKeys: async ({ caller, signal }, request) => {
      const command = { ...rotateRequest.parse(request), caller, signal, now: clock.now() };
      const { response, replayed } = await rotateDataKeys(parts, command);
      return { rotation: await rotationOf(response.rotationId), replayed };
    },
    getKeyRotation: async (_context, request) => {
      const rotation = await rotationOf(rotationRequest.parse(request).rotationId);
      const uses = await readOnly(db, (reader) => readKeyUses(reader, keyRing.ids()));
      return { rotation, keys: uses.map((use) => toKeyMessage(use, keyRing)) };
    },
  };
}

function erasures({ db, clock }: PrivacyServiceParts): Omit<PrivacyHandlers, KeyRpcs> {
  const answer = async ({ response, replayed }: CommandResult<ErasureAnswer>) => {
    return { erasure: toErasureMessage(await readErasure(db, response.erasureId)), replayed };
  };
  return {
    eraseUser: async ({ caller, signal }, request) =>
      answer(await proposeErasure(db, { ...eraseRequest.parse(request), caller, signal, now: clock.now() })),
    approveErasure: async ({ caller, signal }, request) =>
      answer(await approveErasure(db, { ...decideRequest.parse(request), caller, signal, now: clock.now() })),
    rejectErasure: async ({ caller, signal }, request) =>
      answer(await rejectErasure(db, { ...decideRequest.parse(request), caller, signal, now: clock.now() })),
    getErasure: async (_context, request) => {
      return { erasure: toErasureMessage(await readErasure(db, erasureRequest.parse(request).erasureId)) };
    },
    listErasures: async (_context, request) => {
      const { state, userId, pageSize, pageToken } = listRequest.parse(request);
      const filter = { state: rules.nameOf(ERASURE_STATES, state), userId };
      const page = await listErasures(db, filter, pageSize, pageToken);
      return { erasures: page.rows.map(toErasureMessage), nextPageToken: page.nextPageToken };
    },
  };
}
