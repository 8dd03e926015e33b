import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAnchorFile, verifyEvidence, type SignedAnchor } from '../../../src/audit';
import { listAnchorFiles } from '../../../src/audit/anchor/anchor-files';
import type { CheckResult } from '../../../src/audit/review/review-document';
import { verifyReview } from '../../../src/audit/review/sign-review';
import { recordDrill } from '../../../src/backup';
import type { Drill, Manifest, StreamStart, StreamState } from '../../../src/backup/documents';
import { signDocument } from '../../../src/backup/signed-document';
import { makeDirectory, pathIn, PLACES, writeDurably } from '../../../src/backup/target';
import { createSigner, createVerifier, type Signer } from '../../../src/platform/crypto/signing';
import { mustSucceed } from '../../support/clients';
import { billing } from '../../support/command';
import { fetchEvidence } from '../../support/evidence-calls';
import { registerUser, startHarness, until, type Harness } from '../../support/harness';
import { endedReview, runReviewCall } from '../../support/review-calls';

const HOUR_MS = 3_600_000;
/** What a review asks of signed documents around the database. */
const OF_SIGNATURES = ['anchor-contradicted', 'backup-altered', 'backup-late', 'restore-drill-late'];

interface Key {
  readonly pem: string;
  readonly signer: Signer;
}

function newKey(): Key {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  return { pem, signer: createSigner(pem) };
}

/** A target as `billing backup` leaves it, all of it but the sealed files, which no review opens. */
async function fillTarget(directory: string, signer: Signer, now: Date): Promise<void> {
  const target = { directory };
  const time = now.toISOString();
  const server = { version: '10.11', hostname: 'db', port: 3306, serverId: 1 };
  const full: Manifest = {
    ...{
      kind: 'billing-guard full backup 1',
      id: 'F',
      database: 'billing',
      charset: 'utf8mb4',
      collation: 'utf8mb4_bin',
    },
    ...{ server, startTime: time, endTime: time, log: { file: 'binlog.000001', position: 4 }, stream: 'S' },
    ...{ tables: 1, triggers: 0, routines: 0, dumpBytes: 1, files: [], madeBy: 'test' },
  };
  const start: StreamStart = {
    ...{ kind: 'billing-guard log stream 1', id: 'S', server, startTime: time, firstFile: 'binlog.000001' },
  };
  const drill: Drill = {
    ...{ kind: 'billing-guard restore drill 1', backup: 'F', startTime: time },
    ...{ rpoMs: 1, restoreMs: 1, rtoMs: 1, checks: [], isClean: true },
  };
  await makeDirectory(pathIn(target, PLACES.full('F')));
  await writeDurably(pathIn(target, PLACES.manifest('F')), signDocument(full, signer));
  await makeDirectory(pathIn(target, PLACES.stream('S')));
  await writeDurably(pathIn(target, PLACES.streamStart('S')), signDocument(start, signer));
  await recordDrill(target, signer, drill);
}

/** The stream goes on: it says how far it has come, with the key of now. */
async function goOn(directory: string, signer: Signer, now: Date): Promise<void> {
  const time = now.toISOString();
  const state: StreamState = {
    ...{ kind: 'billing-guard log stream state 1', stream: 'S', file: 'binlog.000001', position: 4 },
    ...{ provenTime: time, writeTime: time },
  };
  await writeDurably(pathIn({ directory }, PLACES.streamState('S')), signDocument(state, signer));
}

/** docs/keys.md, "Rotate the signing key", word for word, under a service that runs: nothing that was signed is lost. */
describe('the signing key, replaced while the service runs', () => {
  const [before, after] = [newKey(), newKey()];
  const both = [before, after].map(({ signer }) => createVerifier(signer.publicKeyPem));
  const old = both.slice(0, 1);
  let h: Harness;
  let home: string;
  let evidence: Buffer;
  let anchors: readonly SignedAnchor[];
  /** What a review says of signed documents: before, and after. */
  const reviews: { readonly document: string; readonly found: readonly CheckResult[] }[] = [];
  const at = (name: string): string => join(home, name);

  /** As an operator replaces a file. */
  const put = (name: string, text: string): void => {
    writeFileSync(at(`${name}.new`), text);
    renameSync(at(`${name}.new`), at(name));
  };
  const anchorNames = () => listAnchorFiles(at('anchors'));
  const review = async (requestId: string): Promise<void> => {
    const { review: asked } = await mustSucceed(runReviewCall(h, requestId));
    const { document } = await endedReview(h, asked?.reviewId ?? '');
    const { checks } = (JSON.parse(document) as { review: { checks: readonly CheckResult[] } }).review;
    reviews.push({ document, found: checks.filter(({ id }) => OF_SIGNATURES.includes(id)) });
  };
  const taken = (setting: string) => h.logs.some(({ msg }) => String(msg).includes(setting));

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'billing-signing-'));
    for (const name of ['anchors', 'target']) mkdirSync(at(name));
    put('audit-signing.key', before.pem);
    put('audit-public.keys', before.signer.publicKeyPem);
    const files = { AUDIT_SIGNING_KEY_FILE: at('audit-signing.key'), AUDIT_PUBLIC_KEY_FILE: at('audit-public.keys') };
    const places = { ANCHOR_DIR: at('anchors'), BACKUP_DIR: at('target') };
    h = await startHarness({ ...files, ...places, SECRET_FILES_POLL_MS: '50' });
    await fillTarget(at('target'), before.signer, h.clock.now());
    await goOn(at('target'), before.signer, h.clock.now());
    const userId = await registerUser(h);
    await until('the first anchor is there', async () => (await anchorNames()).length === 1);
    evidence = await fetchEvidence(h, { userId });
    await review('before');

    put('audit-public.keys', `${before.signer.publicKeyPem}${after.signer.publicKeyPem}`);
    await until('the public keys were taken', () => Promise.resolve(taken('the public keys have changed')));
    put('audit-signing.key', after.pem);
    await until('the key was taken', () => Promise.resolve(taken('the signing key has changed')));
    h.clock.advanceMs(HOUR_MS);
    await goOn(at('target'), after.signer, h.clock.now());
    await registerUser(h);
    await until('the anchor of the next hour is there', async () => (await anchorNames()).length === 2);
    await review('after');
    anchors = await Promise.all((await anchorNames()).map((name) => readAnchorFile(at(`anchors/${name}`))));
  }, 90_000);
  afterAll(async () => {
    await h.stop();
    rmSync(home, { recursive: true });
  });

  test('signs the next anchor, which names the one before; all of it is proved with both public keys', async () => {
    expect(anchors.map(({ anchor }) => anchor.key_id)).toEqual([before.signer.keyId, after.signer.keyId]);
    const file = at(`anchors/${(await anchorNames()).at(-1)}`);
    const words = ['--json', 'audit', 'verify', '--anchor', file, '--public-key', at('audit-public.keys')];
    const { code, stdout } = billing(words, { DATABASE_URL: h.db.url });
    const told = { verdict: 'proved', anchor: 2, anchors_before_checked: 1, problems: [] };
    expect({ code, told: JSON.parse(stdout) as unknown }).toMatchObject({ code: 0, told });
  });

  test('leaves the review of backups and anchors clean, though the old key signed most of what is there', () => {
    expect(reviews.map(({ found }) => found.map(({ id, outcome }) => `${id} ${outcome}`).sort())).toEqual([
      OF_SIGNATURES.map((id) => `${id} clean`),
      OF_SIGNATURES.map((id) => `${id} clean`),
    ]);
  });

  test('is believed no more once its public key is given to nobody', async () => {
    put('audit-public.keys', after.signer.publicKeyPem);
    await until('the old public key is gone', () =>
      Promise.resolve(h.logs.filter(({ msg }) => String(msg).includes('the public keys have changed')).length === 2),
    );
    await review('forgotten');
    const altered = reviews.at(-1)?.found.find(({ id }) => id === 'backup-altered');
    expect(altered).toMatchObject({ outcome: 'found', severity: 'severe' });
    expect(altered?.evidence[0]?.['problem']).toContain(`was signed by the key ${before.signer.keyId}`);
  });

  test('keeps what it signed: evidence and reviews of before are proved with the old public key', () => {
    expect(verifyEvidence(evidence, old)).toMatchObject({ problems: [], keyId: before.signer.keyId });
    const proofs = reviews.slice(0, 2).map(({ document }) => verifyReview(document, both));
    expect(proofs).toMatchObject([before, after].map(({ signer }) => ({ isProved: true, keyId: signer.keyId })));
    expect(verifyReview(reviews[0]?.document ?? '', old)).toMatchObject({ isProved: true });
  });
});
