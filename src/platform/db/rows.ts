import assert from 'node:assert';

/**
 * Affected rows are always checked: a write that changed another number of rows than it meant to is a fault of ours,
 * never something to go on from (the connection counts matched rows, so a compare-and-set is safe to count).
 */
export function expectRows(changed: number, expected: number, what: string): void {
  assert.strictEqual(changed, expected, `${what}: ${changed} row(s) changed, ${expected} expected`);
}
