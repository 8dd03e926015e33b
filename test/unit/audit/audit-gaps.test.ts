import { GAP_OPEN_MS, gapsAfter, gapsBetween, gapsOf, gapsText, type Gap } from '../../../src/audit/audit-gaps';

const gap = (from: number, to: number, sinceMs = 0): Gap => ({ from, to, sinceMs });
const look = { gaps: [], found: [], opened: [], bornId: 0, nowMs: 0 } as const;

/** Numbers of audit rows that were drawn and are not there yet: they are waited for, for so long, and no longer. */
describe('gaps', () => {
  test.each([
    ['none in a row of numbers', 0, [1, 2, 3], []],
    ['before the first', 3, [6, 7], [gap(4, 5)]],
    ['between', 0, [1, 4, 5, 9], [gap(2, 3), gap(6, 8)]],
    ['none without numbers: nobody knows what was drawn', 5, [], []],
  ] as const)('are %s', (_what, reachedId, ids, gaps) => {
    expect(gapsBetween(reachedId, ids, 0)).toEqual(gaps);
  });

  test.each([
    ['whole', [1], []],
    ['from its beginning', [2, 3], [gap(4, 9)]],
    ['from its end', [8, 9], [gap(2, 7)]],
    ['in the middle', [5], [gap(2, 4), gap(6, 9)]],
    ['to pieces', [3, 5, 6], [gap(2, 2), gap(4, 4), gap(7, 9)]],
  ])('are filled %s', (what, found, left) => {
    const gaps = what === 'whole' ? [gap(1, 1)] : [gap(2, 9)];
    expect(gapsAfter({ ...look, gaps, found })).toEqual(left);
  });

  test('keep their age while they are filled, and end with it', () => {
    const gaps = [gap(1, 3, 10), gap(5, 5, 20)];
    const kept = gapsAfter({ ...look, gaps, found: [2], nowMs: 10 + GAP_OPEN_MS - 1 });
    expect(kept).toEqual([gap(1, 1, 10), gap(3, 3, 10), gap(5, 5, 20)]);
    expect(gapsAfter({ ...look, gaps, nowMs: 10 + GAP_OPEN_MS })).toEqual([gap(5, 5, 20)]);
    expect(gapsAfter({ ...look, gaps, nowMs: 20 + GAP_OPEN_MS })).toEqual([]);
  });

  test('are not waited for where there was no chain yet', () => {
    const opened = [gap(1, 3), gap(5, 9)];
    expect(gapsAfter({ ...look, opened, bornId: 6 })).toEqual([gap(7, 9)]);
  });

  test('that are too many are joined with their nearest, and none is forgotten', () => {
    const opened = [gap(1, 1, 5), gap(3, 3, 6), gap(100, 100, 7), gap(102, 110, 8), gap(500, 500, 9)];
    expect(gapsAfter({ ...look, opened }, 3)).toEqual([gap(1, 3, 6), gap(100, 110, 8), gap(500, 500, 9)]);
    expect(gapsAfter({ ...look, opened }, 1)).toEqual([gap(1, 500, 9)]);
  });

  test('are stored as they are', () => {
    const gaps = [gap(1, 3, 10), gap(5, 5, 20)];
    expect(gapsText(gaps)).toBe('[[1,3,10],[5,5,20]]');
    expect(gapsOf(gapsText(gaps))).toEqual(gaps);
  });
});
