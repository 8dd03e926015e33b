import { RateLimiterRes } from 'rate-limiter-flexible';
import type { Caller } from '../../../src/platform/calls';
import { monotonicMs } from '../../../src/platform/clock';
import { type DomainError } from '../../../src/platform/errors';
import { countCalls } from '../../../src/platform/rpc/call-limits';

/** Issue 7: limits on the calls of each caller; ADR-0013: counted here, settled in slices. */

const callerOf = (name: string): Caller => ({ role: 'finance', name, identity: `spiffe://billing/finance/${name}` });
const ALICE = callerOf('alice');
const BOB = callerOf('bob');

/** What Redis would be told, and what it answers: nobody is over, unless a test says so. */
function sharedCount() {
  const told: number[] = [];
  let answer = (): Promise<unknown> => Promise.resolve();
  return {
    told,
    answerWith: (next: () => Promise<unknown>) => (answer = next),
    consume: (_identity: string, calls: number) => {
      told.push(calls);
      return answer();
    },
  };
}

/** How many of so many calls are let through, and the first refusal. */
function tryCalls(spend: () => void, calls: number) {
  let passed = 0;
  let refusal: DomainError | undefined;
  for (let i = 0; i < calls; i += 1) {
    try {
      spend();
      passed += 1;
    } catch (error) {
      refusal ??= error as DomainError;
    }
  }
  return { passed, refusal };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a caller makes as many calls as the limit in a second, and is told when it is over; another has its own', () => {
  let now = 0;
  const limits = countCalls(100, sharedCount(), () => now);
  const first = tryCalls(() => limits.spend(ALICE), 150);
  expect(first.passed).toBe(100);
  expect(first.refusal).toMatchObject({
    ...{ reason: 'RATE_LIMITED', code: 'RESOURCE_EXHAUSTED', retryAfterMs: 1_000 },
    metadata: { limit: 'rpcs_per_second', max: '100', retry_after_ms: '1000' },
  });
  expect(tryCalls(() => limits.spend(BOB), 150).passed).toBe(100);
  now = 750;
  expect(tryCalls(() => limits.spend(ALICE), 1).refusal?.retryAfterMs).toBe(250);
  now = 1_000;
  expect(tryCalls(() => limits.spend(ALICE), 150).passed).toBe(100);
});

test('Redis is told once for each slice, however many calls there are, and by one command at a time', async () => {
  const shared = sharedCount();
  let answered = (): void => undefined;
  shared.answerWith(() => new Promise<void>((resolve) => (answered = resolve)));
  const limits = countCalls(1_000, shared, () => 0);
  tryCalls(() => limits.spend(ALICE), 49);
  expect(shared.told).toEqual([]);
  tryCalls(() => limits.spend(ALICE), 251);
  // The first slice; what came while Redis was asked goes together.
  expect(shared.told).toEqual([50]);
  answered();
  await settled();
  tryCalls(() => limits.spend(ALICE), 1);
  expect(shared.told).toEqual([50, 251]);
});

test('where all replicas together are over, the caller is refused here until their second is over', async () => {
  let now = 0;
  const shared = sharedCount();
  shared.answerWith(() => Promise.reject(new RateLimiterRes(0, 400, 120, false)));
  const limits = countCalls(100, shared, () => now);
  tryCalls(() => limits.spend(ALICE), 5);
  await settled();
  expect(tryCalls(() => limits.spend(ALICE), 1).refusal).toMatchObject({ reason: 'RATE_LIMITED', retryAfterMs: 400 });
  expect(tryCalls(() => limits.spend(BOB), 4).passed).toBe(4);
  now = 400;
  shared.answerWith(() => Promise.resolve());
  expect(tryCalls(() => limits.spend(ALICE), 150).passed).toBe(95);
});

test('while Redis is away, what is counted here decides alone', async () => {
  const shared = sharedCount();
  shared.answerWith(() => Promise.reject(new Error('away')));
  const limits = countCalls(100, shared, () => 0);
  tryCalls(() => limits.spend(ALICE), 50);
  await settled();
  expect(tryCalls(() => limits.spend(ALICE), 100).passed).toBe(50);
});

test('a counted call costs next to nothing: tens of thousands a second are no load', () => {
  const limits = countCalls(1_000_000_000, sharedCount());
  tryCalls(() => limits.spend(ALICE), 20_000);
  const startedMs = monotonicMs();
  tryCalls(() => limits.spend(ALICE), 200_000);
  // Measured: well under a tenth of a second; a slow and busy machine has ten times as long.
  expect(monotonicMs() - startedMs).toBeLessThan(1_000);
});
