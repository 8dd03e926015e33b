import fc from 'fast-check';
import { createCircuitBreaker, type CallHealth } from '../../../src/payment/wechatpay/client/circuit-breaker';

let nowMs: number;
let changes: string[];
const make = () =>
  createCircuitBreaker({ failuresMax: 3, openMs: 1_000, now: () => nowMs, onChange: (state) => changes.push(state) });
let breaker: ReturnType<typeof make>;

beforeEach(() => {
  nowMs = 0;
  changes = [];
  breaker = make();
});

const end = (...healths: CallHealth[]): void => healths.forEach((health) => breaker.admit()!.settle(health));

test('it opens after a run of failures, and nobody is admitted until the pause is over', () => {
  end('failed', 'failed');
  expect(changes).toEqual([]);
  end('failed');
  expect(breaker.admit()).toBeUndefined();
  nowMs = 999;
  expect(breaker.admit()).toBeUndefined();
  nowMs = 1_000;
  expect(breaker.admit()).toBeDefined();
  expect(changes).toEqual(['open']);
});

test('a success in between starts the count anew; a call that tells nothing does not', () => {
  end('failed', 'failed', 'worked', 'failed', 'failed');
  expect(changes).toEqual([]);
  end('untold', 'failed');
  expect(changes).toEqual(['open']);
});

test('half-open: one call at a time; it closes when that works, and stays open when it fails', () => {
  end('failed', 'failed', 'failed');
  nowMs = 1_000;
  const probe = breaker.admit();
  expect(breaker.admit()).toBeUndefined();
  probe!.settle('failed');
  expect(breaker.admit()).toBeUndefined();
  nowMs = 2_000;
  breaker.admit()!.settle('worked');
  expect(changes).toEqual(['open', 'closed']);
  const many = [breaker.admit(), breaker.admit(), breaker.admit()];
  expect(many.every((admission) => admission !== undefined)).toBe(true);
});

test('a probe whose caller gave up leaves its place to the next', () => {
  end('failed', 'failed', 'failed');
  nowMs = 1_000;
  breaker.admit()!.settle('untold');
  breaker.admit()!.settle('worked');
  expect(changes).toEqual(['open', 'closed']);
});

test('calls from before it opened, or closed again, change nothing when they end late', () => {
  const late = [breaker.admit()!, breaker.admit()!, breaker.admit()!, breaker.admit()!];
  end('failed', 'failed', 'failed');
  late[0]!.settle('worked');
  expect(breaker.admit()).toBeUndefined();
  nowMs = 1_000;
  breaker.admit()!.settle('worked');
  late.slice(1).forEach((call) => call.settle('failed'));
  expect(breaker.admit()).toBeDefined();
  expect(changes).toEqual(['open', 'closed']);
});

test('whatever happens, it never stays shut: after a pause and a working call everybody is admitted', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom<CallHealth>('worked', 'failed', 'untold'), fc.nat(1_500)));
  fc.assert(
    fc.property(steps, (history) => {
      nowMs = 0;
      breaker = make();
      for (const [health, passedMs] of history) {
        nowMs += passedMs;
        breaker.admit()?.settle(health);
      }
      nowMs += 1_000;
      breaker.admit()!.settle('worked');
      expect(breaker.admit()).toBeDefined();
      expect(breaker.admit()).toBeDefined();
    }),
  );
});
