import { Model } from 'objection';

/** A row of `audit_anchors`: an anchor as it was signed. Nothing of it ever changes but that it is handed out, once. */
export class AnchorRow extends Model {
  static override tableName = 'audit_anchors';
  static override idColumn = 'number';

  declare number: number;
  /** The hour that it is of. No key: a row that somebody forged must take no hour away. */
  declare slot: string;
  /** SHA-256 of the document. */
  declare hash: Buffer;
  declare previousHash: Buffer | null;
  /** The Merkle root, as the document has it. */
  declare root: Buffer;
  /** Canonical JSON. */
  declare document: string;
  declare signature: Buffer;
  declare createTime: Date;
  /** When its file was written and, where there is a webhook, that had taken it. */
  declare exportTime: Date | null;
}
