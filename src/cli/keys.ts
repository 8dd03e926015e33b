import type { Command } from 'commander';
import {
  KeyRotationState,
  PrivacyServiceClient,
  type DataKeyUse,
  type GetKeyRotationResponse,
  type KeyRotation,
} from '../gen/billing/v1/privacy_service.pb';
import { systemClock } from '../platform/clock';
import { callUnary } from './connection';
import { tellRequestId } from './failure';
import type { Cell, NamedTable } from './output';
import type { CommandParts } from './quota';
import { addRequestId, requestIdOf, type RequestOptions } from './request-id';

/** The commands about data keys: what they seal, and sealing everything anew with the first of them. */

/** Adds `keys rotate` and `status`. */
export function addKeyCommands(program: Command, parts: CommandParts): void {
  const keys = program.command('keys').description('the data keys that seal personal data (docs/keys.md)');
  addRotate(keys, parts);
  addStatus(keys, parts);
}

function rotationFields(rotation: KeyRotation | undefined): Readonly<Record<string, Cell>> {
  if (rotation === undefined) return { rotation_id: '' };
  return {
    rotation_id: rotation.rotationId,
    key_id: rotation.keyId,
    state: KeyRotationState[rotation.state],
    requested_by: rotation.requestedBy,
    create_time: rotation.createTime,
    end_time: rotation.endTime,
  };
}

function addRotate(keys: Command, { output, withClient }: CommandParts): void {
  const rotate = keys
    .command('rotate')
    .description('seal every sealed value anew with the first key of the ring, while calls go on')
    .option('--to <key_id>', 'the key that must be the first; default: whichever is', '');
  addRequestId(rotate).action(async (options: RequestOptions & { readonly to: string }) => {
    const requestId = requestIdOf(options);
    const { rotation, replayed } = await withClient(PrivacyServiceClient, (client) =>
      callUnary(client.rotateDataKeys.bind(client), { requestId, keyId: options.to }, systemClock.now()),
    ).catch(tellRequestId(requestId));
    output().record({ request_id: requestId, replayed, ...rotationFields(rotation) });
  });
}

function addStatus(keys: Command, { output, withClient }: CommandParts): void {
  keys
    .command('status [rotation_id]')
    .description('a rotation, the latest unless one is named: how far it is, and what each key seals')
    .action(async (rotationId: string = '') => {
      const status = await withClient(PrivacyServiceClient, (client) =>
        callUnary(client.getKeyRotation.bind(client), { rotationId }, systemClock.now()),
      );
      output().recordWithTables(rotationFields(status.rotation), tablesOf(status));
    });
}

function tablesOf({ rotation, keys }: GetKeyRotationResponse): readonly NamedTable[] {
  return [
    {
      name: 'columns',
      headings: ['column', 'resealed', 'unreadable', 'remaining'],
      rows: (rotation?.columns ?? []).map((one) => [one.column, one.resealed, one.unreadable, one.remaining]),
    },
    {
      name: 'keys',
      headings: ['key', 'role', 'column', 'values'],
      rows: keys.flatMap((key) =>
        (key.columns.length === 0 ? [{ column: '', values: 0 }] : key.columns).map(({ column, values }) => [
          ...[key.keyId, roleOf(key), column, values],
        ]),
      ),
    },
  ];
}

function roleOf({ seals, inRing }: DataKeyUse): string {
  if (seals) return 'seals';
  return inRing ? 'opens' : 'MISSING';
}
