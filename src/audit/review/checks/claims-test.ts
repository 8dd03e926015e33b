import { z } from 'zod';
import { canonicalJson, type JsonValue } from '../../../platform/canonical-json';
import { documentSignature, judgeDocument } from '../../../platform/crypto/document-signature';
import { createVerifier } from '../../../platform/crypto/signing';
import type { Check, Finding, ReviewFacts } from '../check';

/**
 * Whether the build that runs passed the test of 100 concurrent claims: `npm run claims:proof` runs it and signs what came
 * out, for one version and one commit. Code that nobody tested does not pass a review.
 */
export const CLAIMS_TEST_CHECKS: readonly Check[] = [
  {
    id: 'claims-untested',
    about: 'deployment',
    section: 'concurrency',
    item: 'claims-test',
    severity: 'severe',
    title: {
      zh: '未经测试：当前构建没有签名的100并发领券测试结果',
      en: 'Untested: no signed result of the 100-claims test is of this build',
    },
    fix: {
      zh: '在将要部署的提交上运行 npm run claims:proof，并随构建部署 dist/claims-proof.json',
      en: 'Run npm run claims:proof on the commit that is deployed, and deploy dist/claims-proof.json with it',
    },
    run: ({ facts }) => Promise.resolve(findUntested(facts)),
  },
];

const signedProof = z.object({
  proof: z.object({
    format: z.literal(1),
    test: z.literal('100-claims'),
    version: z.string(),
    commit: z.string(),
    time: z.string(),
    node: z.string(),
    /** Tests of concurrent claims that passed and failed, and their names. */
    passed: z.int(),
    failed: z.int(),
    names: z.array(z.string()),
  }),
  signature: documentSignature,
});

type SignedProof = z.infer<typeof signedProof>;

/** What keeps a proof from being one of this build; nothing when it is. */
export function findUntested({ build, claimsProof, publicKeys, proofKeys }: ReviewFacts): readonly Finding[] {
  const about = { version: build.version, commit: build.commit };
  const finding = (problem: string, further: Finding['evidence'] = {}): readonly Finding[] => [
    { evidence: { ...about, problem, ...further } },
  ];
  if (claimsProof === undefined) return finding('there is no result of the test');
  const signed = parse(claimsProof);
  if (signed === undefined) return finding('the result of the test can not be read');
  const { proof, signature } = signed;
  if (!isSigned(signed, [...publicKeys, ...proofKeys]))
    return finding('no known key signed the result', { key_id: signature.key_id });
  // A build that nobody can name was never tested by anybody.
  if (build.commit === '') return finding('this build does not say which commit it is of');
  if (proof.version !== build.version || proof.commit !== build.commit) {
    return finding('the result is of another build', { tested_version: proof.version, tested_commit: proof.commit });
  }
  if (proof.failed > 0 || proof.passed === 0) {
    return finding('the test failed', { passed: proof.passed, failed: proof.failed, time: proof.time });
  }
  return [];
}

function parse(text: string): SignedProof | undefined {
  try {
    return signedProof.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function isSigned({ proof, signature }: SignedProof, publicKeys: readonly string[]): boolean {
  const bytes = Buffer.from(canonicalJson(proof as unknown as JsonValue), 'utf8');
  return judgeDocument(bytes, signature, publicKeys.map(createVerifier)) === 'good';
}
