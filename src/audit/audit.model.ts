import { Model } from 'objection';

/** A row of `audit_logs`: who changed what, and why. Rows never change. */
export class AuditLogRow extends Model {
  static override tableName = 'audit_logs';

  declare id: number;
  declare action: string;
  declare actor: string;
  /** Null in rows of versions before 0.6.0, as is `request`. */
  declare role: string | null;
  /** Service, RPC and request_id; null where no request did it. */
  declare request: string | null;
  declare subjectType: string;
  declare subjectId: string;
  declare userId: string | null;
  declare cause: string;
  /** JSON, as it was written. */
  declare beforeState: string | null;
  declare afterState: string;
  declare createTime: Date;
}

/** A row of `audit_chain`: a place in the chain. Rows never change. */
export class AuditChainRow extends Model {
  static override tableName = 'audit_chain';
  static override idColumn = 'position';

  declare position: number;
  declare auditId: number;
  declare hashVersion: number;
  declare hash: Buffer;
}

/** The one row of `audit_chain_head`: the end of the chain. */
export class AuditChainHeadRow extends Model {
  static override tableName = 'audit_chain_head';

  declare id: number;
  declare position: number;
  declare hash: Buffer;
  /** The greatest id that the sealer has reached. */
  declare reachedId: number;
  /** JSON of Gap[]. */
  declare gaps: string;
  /** The greatest id before there was a chain. */
  declare bornId: number;
}

/** A row of `access_logs`: a look of a person. Rows never change. */
export class AccessLogRow extends Model {
  static override tableName = 'access_logs';

  declare id: number;
  declare actor: string;
  declare role: string;
  declare rpc: string;
  declare subjectType: string;
  declare subjectId: string;
  declare userId: string | null;
  declare createTime: Date;
}
