import { chainHash, CHAIN_START, verifyChain, type UnchainedPosting } from '../../../src/quota/log-chain';
import type { Posting } from '../../../src/quota/account';
import { contentHash } from '../../../src/platform/request-content';

const ACTOR = 'spiffe://billing/ai-task-service/worker-1';

const GRANT: UnchainedPosting = {
  userId: 'user-42',
  sequence: 1,
  origin: 'system',
  requestId: 'grant:registration:registration',
  requestHash: Buffer.alloc(32, 0x11),
  type: 'GRANT',
  amount: 10,
  units: 10,
  quotaRemaining: 10,
  lots: [[1, 10]],
  consumeSequence: null,
  taskId: '',
  taskType: '',
  description: '新用户注册赠送',
  actor: 'spiffe://billing/order-service/order-service',
  createTime: new Date('2026-01-10T04:00:00.000Z'),
};

const CONSUME: UnchainedPosting = {
  userId: 'user-42',
  sequence: 2,
  origin: 'caller',
  requestId: 'consume-1',
  requestHash: Buffer.alloc(32, 0x22),
  type: 'CONSUME',
  amount: -3,
  units: 3,
  quotaRemaining: 7,
  lots: [[1, -3]],
  consumeSequence: null,
  taskId: 'task-7',
  taskType: 'image.generate',
  description: '生成 "白底图" 👕',
  actor: ACTOR,
  createTime: new Date('2026-01-10T04:00:00.001Z'),
};

/**
 * The published test vector of hash version 1 (docs/invariants.md). It never changes: an auditor's own program must
 * come to the same digits. A new form is a new version.
 */
const GRANT_HASH = 'fb62890ee032e1b5683a08baa0cabddf55ddabdcb7dfb4b01193f08a18d27bb7';
const CONSUME_HASH = 'ed5929c31dacdb0a2b50f2a76ffa3054638ca19cae064c39645941f15b1adfe3';

function chained(rows: readonly UnchainedPosting[]): Posting[] {
  const postings: Posting[] = [];
  for (const row of rows) {
    const hash = chainHash(postings.at(-1)?.hash ?? CHAIN_START, row);
    postings.push({ ...row, hashVersion: 1, hash });
  }
  return postings;
}

describe('the hash chain of a log', () => {
  test('the test vector of version 1 holds, byte for byte', () => {
    expect(chained([GRANT, CONSUME]).map((row) => row.hash.toString('hex'))).toEqual([GRANT_HASH, CONSUME_HASH]);
  });

  test('an untouched log verifies to its end', () => {
    const rows = chained([GRANT, CONSUME]);
    expect(verifyChain(rows)).toEqual({ sequence: 2, hash: rows[1]?.hash, balance: 7 });
    expect(verifyChain([])).toEqual({ sequence: 0, hash: CHAIN_START, balance: 0 });
  });

  const changes: Partial<Posting>[] = [
    { userId: 'user-43' },
    { origin: 'caller' },
    { requestId: 'grant:registration:other' },
    { requestHash: Buffer.alloc(32, 0x12) },
    { type: 'REFUND' },
    { units: 11 },
    { lots: [[2, 10]] },
    { consumeSequence: 1 },
    { taskId: 'task-8' },
    { taskType: 'image.matting' },
    { description: '' },
    { actor: ACTOR },
    { createTime: new Date('2026-01-10T04:00:00.001Z') },
    { hash: Buffer.alloc(32, 0x33) },
  ];
  test.each(changes.map((change) => [Object.keys(change).join(), change] as const))(
    'a changed %s is found at its row',
    (_name, change) => {
      const [first, ...rest] = chained([GRANT, CONSUME]);
      if (first === undefined) throw new Error('no row');
      expect(verifyChain([{ ...first, ...change }, ...rest])).toEqual({
        sequence: 1,
        problem: 'does not match its hash',
      });
    },
  );

  test('a changed amount, and a balance that the amounts do not make, are named as such', () => {
    const [first, second] = chained([GRANT, CONSUME]);
    if (first === undefined || second === undefined) throw new Error('no rows');
    expect(verifyChain([{ ...first, amount: 11 }, second])).toMatchObject({ sequence: 1 });
    expect(verifyChain([first, { ...second, quotaRemaining: 8 }])).toMatchObject({
      sequence: 2,
      problem: 'says balance 8, the rows sum to 7',
    });
  });

  test('a dropped, doubled or swapped row is found', () => {
    const [first, second] = chained([GRANT, CONSUME]);
    if (first === undefined || second === undefined) throw new Error('no rows');
    expect(verifyChain([second])).toMatchObject({ sequence: 2, problem: 'follows 0: rows are missing or doubled' });
    expect(verifyChain([first, first, second])).toMatchObject({ sequence: 1 });
    expect(verifyChain([second, first])).toMatchObject({ sequence: 2 });
  });

  test('a row that was made anew with a right hash of its own breaks the row after it', () => {
    const [first, second] = chained([GRANT, CONSUME]);
    if (first === undefined || second === undefined) throw new Error('no rows');
    const forged = { ...GRANT, description: 'forged' };
    const withOwnHash: Posting = { ...forged, hashVersion: 1, hash: chainHash(CHAIN_START, forged) };
    expect(verifyChain([withOwnHash, second])).toEqual({ sequence: 2, problem: 'does not match its hash' });
  });

  test('an unknown hash version is a fault, not a skipped row', () => {
    const [first] = chained([GRANT]);
    if (first === undefined) throw new Error('no row');
    expect(verifyChain([{ ...first, hashVersion: 2 }])).toEqual({ sequence: 1, problem: 'has unknown hash version 2' });
  });

  test('the request hash in a row is the content hash of its command', () => {
    const hash = contentHash('ConsumeQuota', { amount: 3, task_id: 'task-7' });
    expect(hash.toString('hex')).toBe('d1866446eb707668c1e0958183bff78a890fcbe0f5449e669f237a8fd84afe94');
  });
});
