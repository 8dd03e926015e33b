import { generateKeyPairSync } from 'node:crypto';
import { findUntested } from '../../../../src/audit/review/checks/claims-test';
import { canonicalJson, type JsonValue } from '../../../../src/platform/canonical-json';
import { signDocument } from '../../../../src/platform/crypto/document-signature';
import { createSigner, type Signer } from '../../../../src/platform/crypto/signing';
import { factsWith } from '../../../support/review-files';

function newSigner(): Signer {
  return createSigner(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
}

const PROOF = {
  format: 1,
  test: '100-claims',
  version: '0.6.0',
  commit: 'c0ffee',
  time: '2026-10-01T00:00:00.000Z',
  node: 'v20.20.2',
  passed: 3,
  failed: 0,
  names: ['100 claims at once'],
};

function signedBy(signer: Signer, proof: JsonValue): string {
  return JSON.stringify({ proof, signature: signDocument(Buffer.from(canonicalJson(proof), 'utf8'), signer) });
}

/** Strictly forbidden: passing untested code. Only a signed result of this very build counts (R13.4). */
describe('the proof of the 100-claims test', () => {
  const signer = newSigner();
  const publicKeys = [signer.publicKeyPem];
  const problemOf = (claimsProof: string | undefined, changes = {}): unknown =>
    findUntested(factsWith({ claimsProof, publicKeys, ...changes }))[0]?.evidence['problem'];

  test('of this version and commit, signed by a known key, is one', () => {
    expect(findUntested(factsWith({ claimsProof: signedBy(signer, PROOF), publicKeys }))).toEqual([]);
  });

  test('may be signed with a key of CI, which is believed of nothing else', () => {
    const proofKeys = [newSigner()].map((ci) => ci.publicKeyPem);
    expect(
      problemOf(signedBy(signer, PROOF), { publicKeys: [], proofKeys: [...proofKeys, ...publicKeys] }),
    ).toBeUndefined();
    expect(problemOf(signedBy(signer, PROOF), { publicKeys: [], proofKeys })).toBe('no known key signed the result');
  });

  test('is missing, and the build untested, without a file', () => {
    expect(problemOf(undefined)).toBe('there is no result of the test');
  });

  test.each([
    ['of another version', { version: '0.5.0' }, 'the result is of another build'],
    ['of another commit', { commit: 'beef' }, 'the result is of another build'],
    ['of this commit with changes', { commit: 'c0ffee+123456789012' }, 'the result is of another build'],
    ['with a failure', { failed: 1 }, 'the test failed'],
    ['in which nothing ran', { passed: 0 }, 'the test failed'],
    ['of another test', { test: '10-claims' }, 'the result of the test can not be read'],
  ])('is none that is %s', (_what, changes, problem) => {
    expect(problemOf(signedBy(signer, { ...PROOF, ...changes }))).toBe(problem);
  });

  test('is none that was changed after it was signed, or signed by a stranger', () => {
    const changed = signedBy(signer, { ...PROOF, commit: 'beef' }).replace('beef', 'c0ffee');
    expect(problemOf(changed)).toBe('no known key signed the result');
    expect(problemOf(signedBy(newSigner(), PROOF))).toBe('no known key signed the result');
    expect(problemOf('{')).toBe('the result of the test can not be read');
  });

  test('is none for a build that does not say which commit it is of', () => {
    const nameless = { build: { version: '0.6.0', commit: '' } };
    expect(problemOf(signedBy(signer, { ...PROOF, commit: '' }), nameless)).toBe(
      'this build does not say which commit it is of',
    );
  });
});
