import { readFileSync } from 'node:fs';
import type { TestDatabase } from './database';

const PAGE = readFileSync('docs/invariants.md', 'utf8');
const SECTIONS = [...PAGE.matchAll(/^### (INV-\d+) (.+)\n(?:(?!^###|^## )[^])*?```sql\n([^]*?)```/gm)];

/** The invariants as docs/invariants.md states them: each with SQL that finds no row while it holds. */
export const INVARIANTS = SECTIONS.map(([, id = '', title = '', sql = '']) => ({ id, title, sql }));

/** The invariants that a whole database breaks, with the first row that shows it. */
export async function brokenInvariants(db: TestDatabase): Promise<object[]> {
  const broken: object[] = [];
  for (const { id, title, sql } of INVARIANTS) {
    const [row] = await db.query(sql.trim().replace(/;$/, ''));
    if (row !== undefined) broken.push({ id, title, row });
  }
  return broken;
}
