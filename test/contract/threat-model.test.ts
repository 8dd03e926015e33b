import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** R11.3, R11.4: every threat that docs/security.md names is stopped by something that a test which is there proves. */

const HEADING = '## Threat model';
const section = readFileSync('docs/security.md', 'utf8').split(HEADING)[1]?.split('\n## ')[0] ?? '';
const rows = section
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| Who could cheat') && !line.startsWith('| **'))
  .map((line) => line.slice(2, -2).split(' | '));

/** The test files that a name stands for: a file, or all files of a folder. */
function filesOf(name: string): string[] {
  const path = join('test', name);
  if (existsSync(`${path}.test.ts`)) return [`${path}.test.ts`];
  if (!existsSync(path) || !statSync(path).isDirectory()) return [];
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' });
  return names.filter((file) => file.endsWith('.test.ts')).map((file) => join(path, file));
}

describe('the threat model', () => {
  test('is read whole', () => {
    expect(rows.length).toBeGreaterThan(25);
  });

  test.each(rows.map(([threat = '', control = '', tests = '']) => ({ threat, control, tests })))(
    '$threat: is stopped, and tests that are there prove it',
    ({ control, tests }) => {
      expect(control.length).toBeGreaterThan(20);
      const named = [...tests.matchAll(/`([^`]+)`(?: “([^”]+)”)?/g)].map(([, name = '', title]) => ({ name, title }));
      expect(named.filter(({ title }) => title !== undefined)).not.toEqual([]);
      for (const { name, title } of named) {
        const texts = filesOf(name).map((file) => readFileSync(file, 'utf8'));
        expect({ name, isThere: texts.length > 0 }).toEqual({ name, isThere: true });
        for (const text of texts) expect(text).toMatch(/\b(?:test|describe\w*)(?:\.each)?[(`]/);
        const isTold = title === undefined || texts.some((text) => text.includes(title));
        expect({ name, title, isTold }).toEqual({ name, title, isTold: true });
      }
    },
  );
});
