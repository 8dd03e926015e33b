import { Model } from 'objection';

/** Where a rotation stands. */
export type KeyRotationState = 'running' | 'done' | 'superseded';

/** A row of `key_rotations`. At most one is running. */
export class KeyRotationRow extends Model {
  static override tableName = 'key_rotations';

  declare id: string;
  /** The key that seals everything afterwards. */
  declare keyId: string;
  declare state: KeyRotationState;
  declare requestedBy: string;
  declare createTime: Date;
  declare endTime: Date | null;
}

/** A row of `key_rotation_columns`: how far a rotation is in one column, and where its pass stands. */
export class KeyRotationColumnRow extends Model {
  static override tableName = 'key_rotation_columns';
  static override idColumn = ['rotationId', 'sealedColumn'];

  declare rotationId: string;
  /** `table.column`. */
  declare sealedColumn: string;
  /** What the pass has looked at last, in the order of the index by key; empty at its start. */
  declare afterKey: string;
  declare afterId: string;
  declare resealed: number;
  /** Values of the pass that no key opens. */
  declare unreadable: number;
  declare nextPassTime: Date;
}
