/**
 * `npm run claims:proof`: runs the tests of 100 (and 1 000) concurrent claims on this tree and writes what came out, signed, to
 * dist/claims-proof.json. `billing audit review` demands it of the build that runs: untested code does not pass. The key is
 * AUDIT_SIGNING_KEY (or AUDIT_SIGNING_KEY_FILE), else the local stack's.
 */
import { readFileSync } from 'node:fs';
import { readCommit } from './lib/build-commit.mjs';
import { readIfThere, readJsonIfThere, writeAtomic } from './lib/files.mjs';
import { runTests } from './lib/jest.mjs';
import { STATE_DIRECTORIES, inRoot } from './lib/paths.mjs';
import { prepareBuild } from './lib/prepare.mjs';
import { Failure, runMain, say } from './lib/terminal.mjs';

const TEST_FILES = ['test/integration/promotion/claim-coupon.test.ts', 'test/fault/claims-two-processes.test.ts'];
/** The tests that are the proof: claims at once. All of them are in these files; none may be missing. */
const PROVING = /\b(?:100|1 000) claims at once\b/;
const PROVING_MIN = 3;

function readKey() {
  const { AUDIT_SIGNING_KEY: text, AUDIT_SIGNING_KEY_FILE: file } = process.env;
  const key = text ?? readIfThere(file ?? `${STATE_DIRECTORIES.local}/audit-signing.key`);
  if (key !== undefined) return key;
  throw new Failure('There is no key to sign with: set AUDIT_SIGNING_KEY_FILE, or start the local stack (npm run up).');
}

/** The tests of claims at once that ran, with what became of them. */
function provingTests() {
  const result = readJsonIfThere(`${STATE_DIRECTORIES.test}/jest-result.json`);
  const tests = (result?.testResults ?? []).flatMap(({ assertionResults }) => assertionResults);
  return tests.filter(({ fullName }) => PROVING.test(fullName));
}

/** The program's own code signs, so that it is read as it was written. */
async function signed(proof, key) {
  const load = (file) => import(inRoot('dist', 'src', 'platform', file));
  const [{ createSigner }, { canonicalJson }, { signDocument }] = await Promise.all(
    ['crypto/signing.js', 'canonical-json.js', 'crypto/document-signature.js'].map(load),
  );
  return { proof, signature: signDocument(Buffer.from(canonicalJson(proof), 'utf8'), createSigner(key)) };
}

await runMain(async () => {
  const key = readKey();
  await prepareBuild();
  const commit = readCommit();
  if (commit === '') throw new Failure('This is no clone: a result could not say which commit it is of.');
  const code = await runTests(TEST_FILES, { phases: ['side-by-side'] });
  const tests = provingTests();
  const passed = tests.filter(({ status }) => status === 'passed').length;
  const failed = Math.max(tests.length - passed, code === 0 ? 0 : 1);
  if (code !== 0 || passed < PROVING_MIN) {
    throw new Failure(`No proof was written: ${passed} of ${tests.length} tests of claims at once passed.`);
  }
  if (readCommit() !== commit) throw new Failure('No proof was written: the sources changed meanwhile.');
  const { version } = JSON.parse(readFileSync(inRoot('package.json'), 'utf8'));
  const names = tests.map(({ fullName }) => fullName);
  const facts = {
    format: 1,
    test: '100-claims',
    version,
    commit,
    time: new Date().toISOString(),
    node: process.version,
  };
  const proof = await signed({ ...facts, passed, failed, names }, key);
  writeAtomic(inRoot('dist', 'claims-proof.json'), `${JSON.stringify(proof, null, 2)}\n`);
  say(`Wrote dist/claims-proof.json: ${passed} tests of claims at once passed on ${commit}.`);
  return 0;
});
