import { UsageTally, type UsageGroup, type UsageRow } from '../../../src/quota/usage';

function row(type: UsageRow['type'], units: number, fields: Partial<UsageRow> = {}): UsageRow {
  const createTime = new Date('2027-01-31T12:00:00.000Z');
  return {
    type,
    units,
    amount: 0,
    lots: [[1, -units]],
    taskType: 'draw',
    createTime,
    consumeSequence: null,
    ...fields,
  };
}

function tally(group: UsageGroup, rows: readonly (readonly [UsageRow, (readonly (readonly [number, number])[])?])[]) {
  const usage = new UsageTally(group);
  for (const [one, hold] of rows) usage.add(one, (grantId) => (grantId === 1 ? 'registration' : 'membership'), hold);
  return usage.result();
}

describe('usage', () => {
  test('by day is cut at midnight in Shanghai, and what comes back counts on its own day (lesson 50)', () => {
    const before = new Date('2027-01-31T15:59:59.999Z');
    const midnight = new Date('2027-01-31T16:00:00.000Z');
    const rows = [
      [row('CONSUME', 3, { createTime: before })],
      [row('CAPTURE', 2, { createTime: midnight })],
      [row('REFUND', 3, { createTime: midnight })],
    ] as const;
    expect(tally('DAY', rows).rows).toEqual([
      { key: '2027-01-31', consumed: 3, returned: 0 },
      { key: '2027-02-01', consumed: 2, returned: 3 },
    ]);
  });

  test('by task type has those with most use first, and one without a name', () => {
    const rows = [[row('CONSUME', 3, { taskType: '' })], [row('CONSUME', 5)], [row('REFUND', 1)]] as const;
    expect(tally('TASK_TYPE', rows).rows).toEqual([
      { key: 'draw', consumed: 5, returned: 1 },
      { key: '', consumed: 3, returned: 0 },
    ]);
  });

  test('by source counts what each lot gave; of a capture what its hold took less what it gave back', () => {
    const consume = row('CONSUME', 5, {
      lots: [
        [1, -3],
        [2, -2],
      ],
    });
    // Of 3 and 4 units that were held, 5 were captured: two of the last came back.
    const capture = row('CAPTURE', 5, { amount: 2, lots: [[2, 2]] });
    const hold = [
      [1, -3],
      [2, -4],
    ] as const;
    const refund = row('REFUND', 2, { lots: [[2, 2]] });
    expect(tally('SOURCE', [[consume], [capture, hold], [refund]]).rows).toEqual([
      { key: 'registration', consumed: 6, returned: 0 },
      { key: 'membership', consumed: 4, returned: 2 },
    ]);
  });

  test('by source has no row of a lot that was only set aside: a capture gave it all back', () => {
    const capture = row('CAPTURE', 3, { amount: 4, lots: [[2, 4]] });
    const hold = [
      [1, -3],
      [2, -4],
    ] as const;
    expect(tally('SOURCE', [[capture, hold]]).rows).toEqual([{ key: 'registration', consumed: 3, returned: 0 }]);
  });

  test('beyond the first 1 000 groups goes into one, so that nothing is lost', () => {
    const rows = Array.from({ length: 1_002 }, (_, i) => [row('CONSUME', 2_000 - i, { taskType: `t-${i}` })] as const);
    const { rows: first, others } = tally('TASK_TYPE', rows);
    expect(first).toHaveLength(1_000);
    expect([first[0], others]).toEqual([
      { key: 't-0', consumed: 2_000, returned: 0 },
      { key: '', consumed: 1_000 + 999, returned: 0 },
    ]);
  });
});
