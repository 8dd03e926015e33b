import { claimantOf, requestIdOf, userIdOf, type LoadResult } from '../../../bench/load/settings';
import { checkRequests, type WrittenRow } from '../../../bench/runner/verify';

/** What the benchmark finds wrong with the rows of a run: two callers, the first with three commands, the other with two. */

const TAG = 'r00042';
const CALLERS = 2;
const [FIRST, SECOND] = [0, 1];

function result(unacknowledged: LoadResult['unacknowledged'] = []): LoadResult {
  const counts = { done: 5, acknowledged: 5, offered: 0, shed: 0, wronglyReplayed: 0, replayed: 0 };
  const times = { measuredMs: 3_000, p50Ms: 1, p99Ms: 2, cpuMs: 9 };
  return { ...counts, ...times, failures: {}, issued: [3, 2], unacknowledged };
}

function claim(caller: number, sequence: number): WrittenRow {
  return [requestIdOf(TAG, caller, sequence), userIdOf(claimantOf(CALLERS, caller, sequence))];
}

function check(rows: readonly WrittenRow[], load = result()): string | undefined {
  return checkRequests(rows, { database: 'bench', tag: TAG, load });
}

const CLAIMS = [claim(FIRST, 0), claim(FIRST, 1), claim(FIRST, 2), claim(SECOND, 0), claim(SECOND, 1)];

describe('the rows of a run', () => {
  test('are right when every acknowledged command has its own, in any order', () => {
    expect(check(CLAIMS)).toBeUndefined();
    expect(check([...CLAIMS].reverse())).toBeUndefined();
  });

  test('of consumes name no user', () => {
    expect(check(CLAIMS.map(([requestId]) => [requestId]))).toBeUndefined();
  });

  test('lack one that was acknowledged', () => {
    expect(check(CLAIMS.slice(0, 4))).toBe('r00042-00001-00000001 was acknowledged but has no row');
  });

  test('may hold one without an answer, or not', () => {
    const unanswered = result([[SECOND, 1]]);
    expect(check(CLAIMS.slice(0, 4), unanswered)).toBeUndefined();
    expect(check(CLAIMS, unanswered)).toBeUndefined();
  });

  test('hold one twice', () => {
    expect(check([...CLAIMS, claim(FIRST, 1)])).toBe('r00042-00000-00000001 has two rows');
  });

  test.each([
    ['of a caller that did not send so many', claim(SECOND, 2), 'r00042-00001-00000002'],
    ['of a caller that is not there', claim(CALLERS, 0), 'r00042-00002-00000000'],
  ])('hold one %s', (_, row, requestId) => {
    expect(check([...CLAIMS, row])).toBe(`${requestId} was never sent`);
  });

  test('hold a claim for another user than the one who claimed', () => {
    const [requestId] = claim(FIRST, 0);
    const [, other] = claim(SECOND, 0);
    expect(check([[requestId, other ?? ''], ...CLAIMS.slice(1)])).toBe(
      'r00042-00000-00000000 was written for u0000002, who did not claim it',
    );
  });
});
