import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  AUDIT_CHAIN_EMPTY,
  auditCanonicalForm,
  placeProblem,
  sealRows,
  type AuditContent,
} from '../../../src/audit/audit-chain';

const PAGE = readFileSync('docs/invariants.md', 'utf8');
const [, LINES = '', HASHES = ''] = /```jsonl\n([^]*?)```\n```hashes\n([^]*?)```/.exec(PAGE) ?? [];
const lines = LINES.trim().split('\n');
const hashes = HASHES.trim().split('\n');

/** A row, from its canonical form as the page has it. */
function rowOf(line: string): AuditContent {
  const [, , id, action, actor, role, request, subjectType, subjectId, userId, cause, ...rest] = JSON.parse(line) as [
    number,
    number,
    number,
    ...string[],
  ];
  const [beforeState = null, afterState = '', createTime = ''] = rest;
  const subject = { subjectType: subjectType ?? '', subjectId: subjectId ?? '', userId: userId ?? null };
  const actions = { action: action ?? '', actor: actor ?? '', role: role ?? null, request: request ?? null };
  return { id, ...actions, ...subject, cause: cause ?? '', beforeState, afterState, createTime: new Date(createTime) };
}

/** R10, R13.9: docs/invariants.md alone is enough to recompute the chain of the audit log. */
describe('the chain of the audit log', () => {
  const rows = lines.map(rowOf);
  const places = sealRows(AUDIT_CHAIN_EMPTY, rows);

  test('has the forms and the hashes of the documented test vector', () => {
    expect(lines).toHaveLength(2);
    expect(rows.map((row, i) => auditCanonicalForm(i + 1, row))).toEqual(lines);
    expect(places.map(({ hash }) => hash.toString('hex'))).toEqual(hashes);
    let previous = Buffer.alloc(32);
    for (const [i, line] of lines.entries()) {
      previous = createHash('sha256').update(previous).update(line).digest();
      expect(previous.toString('hex')).toBe(hashes[i]);
    }
  });

  test('goes on where it ended, as if it had been sealed at one go', () => {
    const [first] = sealRows(AUDIT_CHAIN_EMPTY, rows.slice(0, 1));
    expect(sealRows(first ?? AUDIT_CHAIN_EMPTY, rows.slice(1))).toEqual(places.slice(1));
    expect(sealRows(AUDIT_CHAIN_EMPTY, [])).toEqual([]);
  });

  const [row] = rows;
  const [place] = places;
  if (row === undefined || place === undefined) throw new Error('the page has no vector');

  test('finds nothing wrong with what it made', () => {
    expect(placeProblem(AUDIT_CHAIN_EMPTY, place, row)).toBeUndefined();
  });

  const changes: readonly Partial<AuditContent>[] = [
    { id: row.id + 1 },
    { action: 'CancelOrder' },
    { actor: 'spiffe://billing/operations/mallory' },
    { role: null },
    { request: null },
    { subjectType: 'plan' },
    { subjectId: 'another' },
    { userId: null },
    { cause: '' },
    { beforeState: '{}' },
    { afterState: row.afterState.replace('9900', '9901') },
    { createTime: new Date(row.createTime.getTime() + 1) },
  ];
  test.each(changes)('finds that a row says %o since', (change) => {
    expect(placeProblem(AUDIT_CHAIN_EMPTY, place, { ...row, ...change })).toBe('does not match its hash');
  });

  test('every field of a row is hashed', () => {
    expect(changes.map((change) => Object.keys(change)[0]).sort()).toEqual(Object.keys(row).sort());
  });

  test('says apart what is gone, what is out of order and what it does not know', () => {
    expect(placeProblem(AUDIT_CHAIN_EMPTY, place, undefined)).toContain('the audit row is gone');
    expect(placeProblem(AUDIT_CHAIN_EMPTY, { ...place, position: 2 }, row)).toContain('missing or doubled');
    expect(placeProblem(AUDIT_CHAIN_EMPTY, { ...place, hashVersion: 9 }, row)).toContain('unknown hash version');
    expect(placeProblem({ position: 0, hash: Buffer.alloc(32, 1) }, place, row)).toBe('does not match its hash');
  });
});
