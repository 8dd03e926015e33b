import type { Connection, RowDataPacket } from 'mysql2/promise';
import type { LotChange, Posting } from '../../src/quota/account';
import { CHAIN_START, chainHash } from '../../src/quota/log-chain';
import { rechainAudits } from './forged-log';

/**
 * An insider who may do everything to the database, has read the source, and leaves it consistent: no chain, balance or
 * lot contradicts another. What he can not do is sign.
 */
export class Forger {
  /** The columns of each table that was remembered, without those that the database computes. */
  private readonly kept = new Map<string, string>();

  private constructor(private readonly root: Connection) {}

  /** Takes the guards away and remembers how some tables are. */
  static async begin(root: Connection, tables: readonly string[]): Promise<Forger> {
    const forger = new Forger(root);
    const triggers = await forger.rows('SHOW TRIGGERS');
    for (const { Trigger: name } of triggers) await root.query(`DROP TRIGGER ${String(name)}`);
    for (const table of tables) {
      await root.query(`CREATE TEMPORARY TABLE kept_${table} AS SELECT * FROM ${table}`);
      forger.kept.set(table, await forger.columnsOf(table));
    }
    return forger;
  }

  async rows(sql: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
    const [rows] = await this.root.query<RowDataPacket[]>(sql, [...values]);
    return rows;
  }

  run(sql: string, values: readonly unknown[] = []): Promise<unknown> {
    return this.root.query(sql, [...values]);
  }

  /** Puts everything back as it was. */
  async undo(): Promise<void> {
    for (const [table, columns] of this.kept) {
      await this.root.query(`DELETE FROM ${table}`);
      await this.root.query(`INSERT INTO ${table} (${columns}) SELECT ${columns} FROM kept_${table}`);
    }
  }

  private async columnsOf(table: string): Promise<string> {
    const columns = await this.rows(
      `SELECT column_name AS name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?
       AND COALESCE(generation_expression, '') = ''`,
      [table],
    );
    return columns.map(({ name }) => String(name)).join(', ');
  }

  /** A user's log. */
  async postings(userId: string): Promise<Posting[]> {
    const rows = await this.rows('SELECT * FROM quota_logs WHERE user_id = ? ORDER BY sequence', [userId]);
    const postings = rows.map((row) => ({
      ...{ userId, sequence: Number(row['sequence']), origin: row['origin'], requestId: row['request_id'] },
      ...{
        requestHash: row['request_hash'],
        type: row['type'],
        amount: Number(row['amount']),
        units: Number(row['units']),
      },
      ...{ quotaRemaining: Number(row['quota_remaining']), lots: JSON.parse(String(row['lots'])) as LotChange[] },
      consumeSequence: row['consume_sequence'] === null ? null : Number(row['consume_sequence']),
      ...{ taskId: row['task_id'], taskType: row['task_type'], description: row['description'], actor: row['actor'] },
      ...{ createTime: row['create_time'], hashVersion: Number(row['hash_version']), hash: row['hash'] },
    }));
    return postings as unknown as Posting[];
  }

  /** Writes a user's log anew, with balances and hashes that fit, and the account with it. */
  async writeLog(userId: string, postings: readonly Posting[]): Promise<void> {
    await this.run('DELETE FROM quota_logs WHERE user_id = ?', [userId]);
    let [balance, hash] = [0, CHAIN_START];
    for (const posting of postings) {
      balance += posting.amount;
      const row = { ...posting, userId, quotaRemaining: balance };
      hash = chainHash(hash, row);
      await this.run('INSERT INTO quota_logs SET ?', [
        {
          ...{ user_id: userId, sequence: row.sequence, origin: row.origin, request_id: row.requestId },
          ...{ request_hash: row.requestHash, type: row.type, amount: row.amount, units: row.units },
          ...{ quota_remaining: balance, lots: JSON.stringify(row.lots), consume_sequence: row.consumeSequence },
          ...{ task_id: row.taskId, task_type: row.taskType, description: row.description, actor: row.actor },
          ...{ create_time: row.createTime, hash_version: row.hashVersion, hash },
        },
      ]);
    }
    await this.run('UPDATE users SET quota_remaining = ?, log_sequence = ?, log_hash = ? WHERE id = ?', [
      ...[balance, postings.at(-1)?.sequence ?? 0, hash, userId],
    ]);
  }

  /** Computes the chain of the audit log anew, over the rows that are there. */
  rechainAudits(): Promise<void> {
    const change = async (sql: string, values?: readonly unknown[]): Promise<void> =>
      void (await this.run(sql, values));
    return rechainAudits({ rows: (sql, values) => this.rows(sql, values), change });
  }
}
