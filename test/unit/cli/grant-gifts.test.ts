import { grantGifts, type GiftRun } from '../../../src/cli/grant-gifts';
import type { Failure } from '../../../src/cli/failure';

const failure = (code: string, reason: string | null): Failure => ({ code, reason, message: '', metadata: {} });
const users = ['a', 'b', 'c', 'd', 'e', 'f'];

/** What each call of a user comes to, in turn; the last one stays. */
function desk(script: Readonly<Record<string, readonly ('given' | 'had it' | Failure)[]>>) {
  const calls: string[] = [];
  let running = 0;
  let atOnceMax = 0;
  const give = async (userId: string) => {
    const turn = calls.filter((one) => one === userId).length;
    calls.push(userId);
    atOnceMax = Math.max(atOnceMax, (running += 1));
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    const answers = script[userId] ?? ['given' as const];
    const answer = answers[Math.min(turn, answers.length - 1)] ?? 'given';
    if (typeof answer !== 'string') throw Object.assign(new Error('refused'), { failure: answer });
    return answer;
  };
  return { calls, give, atOnceMax: () => atOnceMax };
}

async function run(script: Parameters<typeof desk>[0], atOnce = 1) {
  const told: GiftRun[] = [];
  const made = desk(script);
  const readFailure = (error: unknown): Failure => (error as { failure: Failure }).failure;
  const result = await grantGifts(users, { atOnce, give: made.give, readFailure, tell: (soFar) => told.push(soFar) });
  return { ...result, calls: made.calls, told, atOnceMax: made.atOnceMax() };
}

/** The list of users is a loop over money: it counts everybody once and stops where going on is of no use. */
describe('giving to many users', () => {
  test('tries each once, so many at a time, and counts what became of them', async () => {
    const { given, hadIt, refused, notTried, calls, told, atOnceMax } = await run({ b: ['had it'] }, 3);
    expect({ given, hadIt, refused, notTried }).toEqual({ given: 5, hadIt: 1, refused: [], notTried: 0 });
    expect([...calls].sort()).toEqual(users);
    expect(told.map((soFar) => soFar.notTried)).toEqual([5, 4, 3, 2, 1, 0]);
    expect(atOnceMax).toBe(3);
  });

  test('goes on after what is one user’s own: unknown, or had it', async () => {
    const unknown = failure('NOT_FOUND', 'USER_NOT_FOUND');
    const had = failure('ALREADY_EXISTS', 'GIFT_ALREADY_GRANTED');
    const result = await run({ a: [unknown], c: [had] });
    expect(result).toMatchObject({ given: 4, hadIt: 1, refused: [{ userId: 'a', failure: unknown }], notTried: 0 });
  });

  test.each([
    'GIFT_BUDGET_EXHAUSTED',
    'GIFT_CAMPAIGN_NOT_ACTIVE',
    'GIFT_CAMPAIGN_NOT_FOUND',
    'CALLER_NOT_ALLOWED',
    null,
  ])('stops at %s, which would refuse everybody', async (reason) => {
    const refusal = failure('FAILED_PRECONDITION', reason);
    const result = await run({ c: [refusal] });
    expect(result).toMatchObject({ given: 2, refused: [{ userId: 'c', failure: refusal }], notTried: 3 });
    expect(result.calls).toEqual(['a', 'b', 'c']);
  });

  test('tries again what helps to try again, and stops when that does not help either', async () => {
    const busy = failure('ABORTED', 'CONTENTION');
    expect(await run({ a: [busy, 'given'] })).toMatchObject({ given: 6, refused: [] });
    const away = failure('UNAVAILABLE', 'DATABASE_UNAVAILABLE');
    const result = await run({ b: [away] });
    expect(result).toMatchObject({ given: 1, refused: [{ userId: 'b', failure: away }], notTried: 4 });
    expect(result.calls.filter((userId) => userId === 'b')).toHaveLength(6);
  }, 20_000);
});
