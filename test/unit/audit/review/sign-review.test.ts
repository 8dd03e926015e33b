import { generateKeyPairSync } from 'node:crypto';
import { createSigner, createVerifier } from '../../../../src/platform/crypto/signing';
import { renderHtml } from '../../../../src/audit/review/render-html';
import { renderJson } from '../../../../src/audit/review/render-json';
import { renderMarkdown } from '../../../../src/audit/review/render-markdown';
import { signReview, verifyReview } from '../../../../src/audit/review/sign-review';
import { reviewOf } from '../../../support/review-files';

function newSigner() {
  return createSigner(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
}

/** R13.9: a review is signed, and who changed it afterwards is found out. */
describe('the signature of a review', () => {
  const signer = newSigner();
  const ours = [createVerifier(signer.publicKeyPem)];
  const text = renderJson(signReview(reviewOf(), signer));

  test('proves what was signed, however its JSON is laid out', () => {
    expect(verifyReview(text, ours)).toMatchObject({ isProved: true, keyId: signer.keyId });
    const parsed = JSON.parse(text) as { review: Record<string, unknown> };
    const turned = { ...parsed, review: Object.fromEntries(Object.entries(parsed.review).reverse()) };
    expect(verifyReview(JSON.stringify(turned), ours)).toMatchObject({ isProved: true });
  });

  test('is in every report, with the key and the hash', () => {
    const signed = signReview(reviewOf(), signer);
    for (const report of [renderMarkdown(signed, 'zh'), renderHtml(signed, 'en')]) {
      expect(report).toContain(signed.sha256);
      expect(report).toContain(signer.keyId);
      expect(report).toContain(signed.signature?.signature);
    }
    expect(renderMarkdown(signReview(reviewOf(), undefined), 'zh')).toContain('未签名');
  });

  test.each([
    [
      'another verdict',
      (all: string) => all.replace('"verdict": "passed"', '"verdict": "failed"'),
      'its hash is another',
    ],
    ['a further field', (all: string) => all.replace('"format": 1', '"format": 1, "more": 1'), 'its hash is another'],
    [
      'a number that is none of ours',
      (all: string) => all.replace('"orders": 2', '"orders": 2.5'),
      'its hash is another',
    ],
    ['something else', () => '{}', 'it is no review'],
    ['no JSON', () => 'passed', 'it is no review'],
  ])('is not proved of %s', (_what, change, problem) => {
    const changed = change(text);
    expect(changed).not.toBe(text);
    expect(verifyReview(changed, ours)).toMatchObject({ isProved: false, problem: expect.stringContaining(problem) });
  });

  test('is not proved when somebody signed it anew with a key of their own, or made the hash fit alone', () => {
    const changed = reviewOf({ backups: { outcome: 'found', findings: 1 } });
    const stranger = newSigner();
    const anew = renderJson(signReview(changed, stranger));
    expect(verifyReview(anew, ours)).toMatchObject({ problem: expect.stringContaining('which is not given') });
    const named = anew.replace(stranger.keyId, signer.keyId);
    expect(verifyReview(named, ours)).toMatchObject({ problem: expect.stringContaining('did not sign it') });
    expect(verifyReview(renderJson(signReview(changed, undefined)), ours)).toMatchObject({
      problem: 'nobody signed it',
    });
  });
});
