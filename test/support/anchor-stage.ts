import { join } from 'node:path';
import { checkSignature, makeAnchors, readAnchorFile, verifyAnchor, type AnchorReport } from '../../src/audit';
import { leavesPath, listAnchorFiles } from '../../src/audit/anchor/anchor-files';
import type { SignedAnchor } from '../../src/audit/anchor/anchor-document';
import type { AnchorWebhook } from '../../src/audit/anchor/anchor-webhook';
import { proveLeaves } from '../../src/audit/anchor/leaves-file';
import { createVerifier } from '../../src/platform/crypto/signing';
import type { Database } from '../../src/platform/db/database';
import { createLogger } from '../../src/platform/log';
import { newSigner, scratchDirectory } from './anchors';
import type { TestDatabase } from './database';
import { until } from './harness';
import type { Infra } from './infra';
import { openServiceDatabase } from './service-database';
import { TestClock } from './test-clock';

/** The job that makes anchors, with a directory and a key of its own, beside a database. */
export class AnchorStage {
  signer = newSigner();
  /** Keys that signed before, as far as the job knows them. */
  earlierKeys: readonly string[] = [];
  readonly lines: Record<string, unknown>[] = [];
  webhook: AnchorWebhook | undefined;
  private readonly service: Database;
  private readonly log = createLogger({
    level: 'debug',
    role: 'worker',
    destination: { write: (line: string) => void this.lines.push(JSON.parse(line) as Record<string, unknown>) },
  });

  private constructor(
    readonly db: TestDatabase,
    infra: Infra,
    readonly clock: TestClock,
    readonly dir: string,
    private readonly removeDir: () => Promise<void>,
  ) {
    this.service = openServiceDatabase(infra, db);
  }

  static async open(db: TestDatabase, infra: Infra, clock = new TestClock()): Promise<AnchorStage> {
    const { dir, remove } = await scratchDirectory();
    return new AnchorStage(db, infra, clock, dir, remove);
  }

  private get publicKeys(): readonly string[] {
    return [this.signer.publicKeyPem, ...this.earlierKeys];
  }

  /** One run of the job for an hour; `null`: without a directory. */
  async run(slot: string, dir: string | null = this.dir): Promise<void> {
    const { db, service, clock, log, webhook } = this;
    const make = makeAnchors({
      ...{ db: service, clock, log, signer: () => this.signer, publicKeys: () => this.publicKeys },
      ...{ databaseUrl: db.url, webhook, dir: dir ?? undefined },
    });
    await make(new AbortController().signal, slot);
  }

  /** The anchors in the directory, in order. */
  async anchors(): Promise<readonly SignedAnchor[]> {
    const names = await listAnchorFiles(this.dir);
    return Promise.all(names.map((name) => readAnchorFile(join(this.dir, name))));
  }

  leavesOf({ anchor }: SignedAnchor): string {
    return leavesPath(this.dir, anchor);
  }

  /** What the database comes to against an anchor. */
  async verify(signed: SignedAnchor, databaseUrl = this.db.url): Promise<AnchorReport> {
    const verdict = checkSignature(signed, this.publicKeys.map(createVerifier));
    if (verdict !== 'good') throw new Error(`the signature is ${verdict}`);
    const leaves = await proveLeaves(this.dir, signed.anchor);
    return verifyAnchor({ databaseUrl, signed, leaves, onProgress: () => undefined });
  }

  /** Waits until the service has given every audit row its place. */
  async untilSealed(): Promise<void> {
    const open =
      'SELECT 1 FROM audit_logs a LEFT JOIN audit_chain c ON c.audit_id = a.id WHERE c.audit_id IS NULL LIMIT 1';
    await until('the audit log is sealed', async () => (await this.db.query(open)).length === 0);
  }

  /** Open alerts about anchors, the oldest first. */
  alerts(): ReturnType<TestDatabase['query']> {
    const sql = "SELECT subject_id, severity, details FROM alerts WHERE kind = 'anchor_conflict' ORDER BY id";
    return this.db.query(sql);
  }

  async close(): Promise<void> {
    await this.webhook?.close();
    await this.service.knex.destroy();
    await this.removeDir();
  }
}
