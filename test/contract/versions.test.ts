import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ACCESS_MATRIX } from '../../src/access-matrix';
import { SETTING_NAMES } from '../../src/platform/config';
import { VERSION } from '../../src/version';

/** Settings of the commands, which are not the service's. */
const OF_COMMANDS = [
  'MIGRATE_DATABASE_URL',
  'APP_DATABASE_USER',
  'REPORT_DATABASE_USER',
  'BILLING_ADDRESS',
  'BILLING_CA',
  'BILLING_CERT',
  'BILLING_KEY',
];

/** Names in the first column of the tables that list settings. */
function settingsIn(file: string): string[] {
  const tables = readFileSync(file, 'utf8').split(/\n(?!\|)/);
  const ofSettings = tables.filter((table) => SETTING_NAMES.some((name) => table.includes(`| \`${name}\``)));
  const firstCells = ofSettings.flatMap((table) => table.split('\n').map((row) => row.split('|')[1] ?? ''));
  return firstCells.flatMap((cell) =>
    [...cell.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`/g)].map(([, name = '']) => name),
  );
}

/** Whether a page has a heading with this anchor, made as GitHub makes them. */
function hasHeading(path: string, anchor: string): boolean {
  const headings = [...readFileSync(path, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading);
  return headings.some(
    (heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\d\s_-]/gu, '')
        .replaceAll(' ', '-') === anchor,
  );
}

/** What is written twice is the same in both places. */
describe('one release, one configuration', () => {
  test('the version in the code, in package.json and at the top of the changelog is one', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    const [, newest] = /^## (\d+\.\d+\.\d+)/m.exec(readFileSync('CHANGELOG.md', 'utf8')) ?? [];
    expect([VERSION, newest]).toEqual([version, version]);
  });

  test.each(['README.md', 'README.zh-CN.md'])('%s lists every setting, and none that does not exist', (file) => {
    const named = settingsIn(file).filter((name) => !OF_COMMANDS.includes(name));
    expect(named.sort()).toEqual([...SETTING_NAMES].sort());
  });

  test('the table of who may call what is the matrix that decides', () => {
    const page = readFileSync('docs/architecture.md', 'utf8')
      .split('\n## ')
      .find((part) => part.startsWith('Who may call'));
    const [, ...services] =
      /^\| Role (\|.*)\|$/m
        .exec(page ?? '')?.[1]
        ?.split('|')
        .map((cell) => cell.trim()) ?? [];
    const rows = [...(page ?? '').matchAll(/^\| `([a-z-]+)` \|(.*)\|$/gm)].map(([, role = '', cells = '']) => {
      const rpcs = cells
        .split('|')
        .flatMap((cell, i) => (cell.match(/[A-Z]\w+/g) ?? []).map((rpc) => `billing.v1.${services[i]}/${rpc}`));
      return [role, rpcs.sort()];
    });
    const matrix = Object.entries(ACCESS_MATRIX).map(([role, rpcs]) => [role, [...rpcs].sort()]);
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(matrix));
  });

  test('every link between documents leads somewhere', () => {
    const below = ['docs', 'src', 'proto', 'migrations', 'simulator'].flatMap((directory) =>
      readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => join(directory, name)),
    );
    const pages = [...readdirSync('.'), ...below].filter((path) => path.endsWith('.md'));
    const dead = pages.flatMap((page) =>
      [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)]
        .map(([, path = '', anchor]) => ({ target: path === '' ? page : join(dirname(page), path), anchor }))
        .filter(({ target, anchor }) => !existsSync(target) || (anchor !== undefined && !hasHeading(target, anchor)))
        .map(({ target, anchor }) => `${page} → ${target}#${anchor ?? ''}`),
    );
    expect(pages.length).toBeGreaterThan(20);
    expect(dead).toEqual([]);
  });
});
