import { auditHash, type AuditContent } from '../../src/audit';
import { grantHash } from '../../src/quota/book';
import { chainHash, CHAIN_START, HASH_VERSION, type UnchainedPosting } from '../../src/quota/log-chain';
import { postingOf } from './ledger-proof';
import type { Insider } from './review-stage';

/** How somebody with every right, and with our source, would rewrite the log: so that its chain holds all the same. */

type Change = Partial<UnchainedPosting>;

/** The rows of a user as they are, in order. */
async function readRows({ rows }: Insider, userId: string): Promise<UnchainedPosting[]> {
  const found = await rows('SELECT * FROM quota_logs WHERE user_id = ? ORDER BY sequence', [userId]);
  return found.map(postingOf);
}

/**
 * Rewrites a user's log from the rows that `rewrite` makes of it: numbers them, recomputes balances and hashes, and has the account name
 * the new end.
 */
export async function rechain(
  insider: Insider,
  userId: string,
  rewrite: (rows: readonly UnchainedPosting[]) => readonly UnchainedPosting[],
): Promise<void> {
  const { rows, change } = insider;
  const written = rewrite(await readRows(insider, userId));
  await rows('DELETE FROM quota_logs WHERE user_id = ?', [userId]);
  let [hash, balance] = [CHAIN_START, 0];
  for (const [index, row] of written.entries()) {
    balance += row.amount;
    const whole = { ...row, sequence: index + 1, quotaRemaining: balance };
    hash = chainHash(hash, whole);
    const {
      userId: user_id,
      requestId: request_id,
      requestHash: request_hash,
      consumeSequence,
      taskId,
      taskType,
    } = whole;
    const { sequence, origin, type, amount, units, description, actor, createTime } = whole;
    const columns = {
      ...{ user_id, sequence, origin, request_id, request_hash, type, amount, units, quota_remaining: balance },
      ...{ lots: JSON.stringify(whole.lots), consume_sequence: consumeSequence, task_id: taskId, task_type: taskType },
      ...{ description, actor, create_time: createTime, hash_version: HASH_VERSION, hash },
    };
    await change(`INSERT INTO quota_logs (${Object.keys(columns).join(', ')}) VALUES (?)`, [Object.values(columns)]);
  }
  const last = written.at(-1);
  await change('UPDATE users SET quota_remaining = ?, log_sequence = ?, log_hash = ?, log_time = ? WHERE id = ?', [
    ...[balance, written.length, hash, last?.createTime, userId],
  ]);
}

/** Forges a row after a user's last one. Returns its sequence. */
export async function appendForged(
  insider: Insider,
  userId: string,
  row: Change & Pick<UnchainedPosting, 'type' | 'amount'>,
): Promise<number> {
  let sequence = 0;
  await rechain(insider, userId, (rows) => {
    const last = rows.at(-1);
    if (last === undefined) throw new Error(`${userId} has no log to forge`);
    sequence = rows.length + 1;
    const usual = { origin: 'system', requestId: `forged-${sequence}`, consumeSequence: null, lots: [] } as const;
    const words = { taskId: '', taskType: '', description: '' };
    return [...rows, { ...last, ...usual, ...words, units: Math.abs(row.amount), ...row }];
  });
  return sequence;
}

/** Forges a grant: its row of the log and the lot that the row makes. Returns the number of the lot. */
export async function forgeGrant(
  insider: Insider,
  userId: string,
  lot: {
    readonly source: 'membership' | 'gift' | 'registration' | 'compensation';
    readonly sourceRef: string;
    readonly orderId?: string;
    readonly units: number;
  },
): Promise<number> {
  const { source, sourceRef, orderId = null, units } = lot;
  const expireTime = new Date('2099-01-01T00:00:00.000Z');
  const requestHash = grantHash({ source, sourceRef, units, expireTime });
  const { log_sequence: before } = await insider.one('SELECT log_sequence FROM users WHERE id = ?', [userId]);
  const grantId = Number(before) + 1;
  await appendForged(insider, userId, { type: 'GRANT', amount: units, lots: [[grantId, units]], requestHash });
  const columns = 'user_id, grant_id, source, source_ref, order_id, amount, remaining, held, expire_time, create_time';
  await insider.change(
    `INSERT INTO quota_grants (${columns}) SELECT id, log_sequence, ?, ?, ?, ?, ?, 0, ?, log_time FROM users WHERE id = ?`,
    [source, sourceRef, orderId, units, units, expireTime, userId],
  );
  return grantId;
}

/** Computes the chain of the audit log anew, over the rows that are there. */
export async function rechainAudits({ rows, change }: Pick<Insider, 'rows' | 'change'>): Promise<void> {
  let [position, hash] = [0, CHAIN_START];
  for (const row of await rows(
    'SELECT a.*, c.position FROM audit_chain c JOIN audit_logs a ON a.id = c.audit_id ORDER BY c.position',
  )) {
    position = Number(row['position']);
    const content = {
      ...{ id: Number(row['id']), action: row['action'], actor: row['actor'], role: row['role'] },
      ...{ request: row['request'], subjectType: row['subject_type'], subjectId: row['subject_id'] },
      ...{ userId: row['user_id'], cause: row['cause'], beforeState: row['before_state'] },
      ...{ afterState: row['after_state'], createTime: row['create_time'] },
    };
    hash = auditHash(hash, position, content as AuditContent);
    await change('UPDATE audit_chain SET hash = ? WHERE position = ?', [hash, position]);
  }
  await change('UPDATE audit_chain_head SET position = ?, hash = ?', [position, hash]);
}
