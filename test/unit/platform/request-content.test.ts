import { contentHash } from '../../../src/platform/request-content';

const hex = (...args: Parameters<typeof contentHash>): string => contentHash(...args).toString('hex');

/** Lesson 6, design §4: what is compared when a request_id comes again. */
describe('the content of a request', () => {
  const content = { amount: 3, task_id: 'task-7', tags: ['a', 'b'], urgent: true };

  test('does not depend on the order in which fields are named', () => {
    const reversed = Object.fromEntries(Object.entries(content).reverse());
    expect(hex('ConsumeQuota', reversed)).toBe(hex('ConsumeQuota', content));
  });

  test('does not change when a later version of the proto adds a field that a caller leaves unset', () => {
    const withNewFields = { ...content, note: '', level: 0, flag: false, list: [] };
    expect(hex('ConsumeQuota', withNewFields)).toBe(hex('ConsumeQuota', content));
  });

  test.each([
    ['an amount', { ...content, amount: 4 }],
    ['a text', { ...content, task_id: 'task-8' }],
    ['a list', { ...content, tags: ['b', 'a'] }],
    ['a flag', { ...content, urgent: false }],
    ['a field more', { ...content, note: 'x' }],
    ['a number that is written like the text', { ...content, task_id: 7, amount: '3' }],
  ])('differs when %s differs', (_what, other) => {
    expect(hex('ConsumeQuota', other)).not.toBe(hex('ConsumeQuota', content));
  });

  test('differs from the same fields of another command', () => {
    expect(hex('RefundQuota', content)).not.toBe(hex('ConsumeQuota', content));
  });

  test('can not be made equal by moving characters between fields', () => {
    expect(hex('K', { a: 'x","b', b: 'y' })).not.toBe(hex('K', { a: 'x', b: 'b","y' }));
  });
});
