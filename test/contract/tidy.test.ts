import {
  createSourceFile,
  forEachChild,
  isFunctionLike,
  isTemplateExpression,
  isNoSubstitutionTemplateLiteral,
  ScriptTarget,
  type Node,
  type SourceFile,
} from 'typescript';
import { readSources, type Source } from '../support/sources';

const PRODUCT = readSources(['src', 'simulator', 'migrations', 'bench']);
/** Without this file, which names what it bans. */
const TESTS = readSources(['test']).filter(({ path }) => path !== 'test/contract/tidy.test.ts');

const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;

/** One thing that is not written here, and what is written instead. */
interface Ban {
  readonly banned: string;
  readonly instead: string;
  readonly pattern: RegExp;
  /** Text that the pattern must find: a ban that can not fire proves nothing. */
  readonly example: string;
  readonly sources: readonly Source[];
  /** Files that may: each is the one place that everybody else should use. */
  readonly allowed?: readonly string[];
}

const SRC = PRODUCT.filter(({ path }) => path.startsWith('src/'));
/** The demo is a program of its own, which nobody hands a clock. */
const CLOCKED = PRODUCT.filter(({ path }) => !path.startsWith('simulator/demo/'));

const BANS: readonly Ban[] = [
  {
    banned: 'the machine clock',
    instead: 'the Clock that was passed in',
    pattern: /\bDate\.now\(|\bnew Date\(\)/,
    example: 'const now = new Date();',
    sources: CLOCKED,
    allowed: ['src/platform/clock.ts'],
  },
  {
    banned: 'new Date(…)',
    instead: 'fromEpochMs or addMs of platform/time.ts',
    pattern: /\bnew Date\(/,
    example: 'new Date(epochMs)',
    sources: SRC,
    allowed: ['src/platform/clock.ts', 'src/platform/time.ts'],
  },
  {
    banned: 'performance.now()',
    instead: 'monotonicMs of platform/clock.ts',
    pattern: /\bperformance\.now\(/,
    example: 'performance.now()',
    sources: SRC,
    allowed: ['src/platform/clock.ts'],
  },
  {
    banned: 'Math.random',
    instead: 'randomInt or randomBytes of node:crypto',
    pattern: /\bMath\.random\b/,
    example: 'Math.random()',
    sources: [...PRODUCT, ...TESTS],
  },
  {
    banned: 'parseFloat',
    instead: 'integers: fen and units',
    pattern: /\bparseFloat\b/,
    example: 'parseFloat(text)',
    sources: PRODUCT,
  },
  {
    banned: 'toFixed',
    instead: 'integers: fen and units',
    pattern: /\.toFixed\(/,
    example: 'yuan.toFixed(2)',
    sources: PRODUCT,
  },
  {
    banned: 'process.env',
    instead: 'loadConfig of platform/config.ts',
    pattern: /\bprocess\.env\b/,
    example: "process.env['X']",
    sources: PRODUCT,
    allowed: ['src/platform/config.ts', 'simulator/wechatpay/main.ts', 'simulator/demo/main.ts'],
  },
  {
    banned: 'console',
    instead: "the process's logger, or the command line's Output",
    pattern: /\bconsole\.\w+\(/,
    example: 'console.log(1)',
    sources: SRC,
  },
  {
    banned: '.for(…) of Objection',
    instead: 'where(…): Model.query().for(1).delete() deletes every row',
    pattern: /\.for\(/,
    example: 'OrderRow.query(tx).for(1)',
    sources: SRC,
  },
  {
    banned: 'relatedQuery',
    instead: "a query of the row's own model",
    pattern: /\brelatedQuery\(/,
    example: 'UserRow.relatedQuery("orders")',
    sources: SRC,
  },
  {
    banned: 'whereJson…',
    instead: 'a column: JSON keys were an injection in Objection',
    pattern: /\.(?:or|and)?[wW]hereJson/,
    example: ".whereJsonSupersetOf('a', {})",
    sources: SRC,
  },
  {
    banned: 'Model.knex(…)',
    instead: 'query(tx): a model without a connection of its own can not write outside a transaction',
    pattern: /\b[A-Z]\w*\.knex\(/,
    example: 'Model.knex(pool)',
    sources: SRC,
  },
  {
    banned: 'skipUndefined',
    instead: 'an explicit condition: a filter that vanishes selects every row',
    pattern: /\bskipUndefined\b/,
    example: '.skipUndefined()',
    sources: SRC,
  },
  {
    banned: 'an unbounded transaction',
    instead: 'withTx of platform/db/tx.ts',
    pattern: /\.transaction\(/,
    example: 'knex.transaction(run)',
    sources: SRC,
    // Reads a whole ledger in one snapshot, on a connection of its own, and writes nothing.
    allowed: [
      'src/platform/db/tx.ts',
      'src/platform/db/read-at-once.ts',
      'src/platform/db/snapshot.ts',
      'src/cli/verify-ledger.ts',
    ],
  },
  {
    banned: 'a note that something is unfinished',
    instead: 'the finished thing, or an issue',
    pattern: /\b(?:TODO|FIXME|XXX|HACK)\b/,
    example: '// TODO later',
    sources: [...PRODUCT, ...TESTS],
  },
  {
    banned: 'a default export',
    instead: 'a named export',
    pattern: /^export default\b/,
    example: 'export default run;',
    sources: [...PRODUCT, ...TESTS],
  },
  {
    banned: 'a test that is left out',
    instead: 'a test that runs',
    pattern: /\b(?:describe|test|it)\.(?:only|skip|todo|failing)\b|\bx(?:describe|test|it)\(|\bf(?:describe|it)\(/,
    example: "test.skip('later', () => undefined)",
    sources: TESTS,
    // Its vectors are not part of this repository: they are checked where WECHATPAY_VECTORS names them.
    allowed: ['test/contract/wechatpay-vectors.test.ts'],
  },
];

/** Lines of code; whole lines of comments are not code, but an unfinished note may stand in one. */
function codeLines({ text }: Source, ban: Ban): { line: string; number: number }[] {
  const lines = text.split('\n').map((line, i) => ({ line, number: i + 1 }));
  const withComments = ban.pattern.test('TODO');
  return withComments ? lines : lines.filter(({ line }) => !/^\s*(?:\/\/|\/\*|\*)/.test(line));
}

function violations(ban: Ban): string[] {
  const checked = ban.sources.filter(({ path }) => !(ban.allowed ?? []).includes(path));
  return checked.flatMap((source) =>
    codeLines(source, ban)
      .filter(({ line }) => ban.pattern.test(line))
      .map(({ number }) => `${source.path}:${number}: ${ban.banned} is banned, use ${ban.instead}`),
  );
}

/** Places and lengths of functions that are too long. What a function holds counts, but for texts such as SQL. */
function longFunctions({ path, text }: Source): string[] {
  const file: SourceFile = createSourceFile(path, text, ScriptTarget.ES2023, true);
  const lineOf = (position: number): number => file.getLineAndCharacterOfPosition(position).line;
  const linesAfterFirst = (node: Node): number => lineOf(node.end) - lineOf(node.getStart(file));
  const found: string[] = [];
  /** Lines of text within a node. */
  const visit = (node: Node): number => {
    if (isTemplateExpression(node) || isNoSubstitutionTemplateLiteral(node)) return linesAfterFirst(node);
    let textLines = 0;
    forEachChild(node, (child) => {
      textLines += visit(child);
    });
    const lines = linesAfterFirst(node) + 1 - textLines;
    if (isFunctionLike(node) && lines > FUNCTION_LINES_MAX) {
      const place = `${path}:${lineOf(node.getStart(file)) + 1}`;
      found.push(`${place}: a function of ${lines} lines is banned, use several of at most ${FUNCTION_LINES_MAX}`);
    }
    return textLines;
  };
  visit(file);
  return found;
}

/** Lesson of TigerBeetle: rules of style are a test, and every message names the replacement. */
describe('the source is tidy', () => {
  test('and is really read', () => {
    expect(PRODUCT.length).toBeGreaterThan(100);
    expect(TESTS.length).toBeGreaterThan(20);
  });

  test.each(BANS)('nobody writes $banned', (ban) => {
    expect(ban.pattern.test(ban.example)).toBe(true);
    expect(violations(ban)).toEqual([]);
  });

  test('no list of exceptions names a file that is gone or needs none', () => {
    const needless = BANS.flatMap((ban) =>
      (ban.allowed ?? [])
        .filter(
          (path) =>
            violations({ ...ban, allowed: [], sources: ban.sources.filter((source) => source.path === path) })
              .length === 0,
        )
        .map((path) => `${path} needs no exception from the ban of ${ban.banned}`),
    );
    expect(needless).toEqual([]);
  });

  test('no file and no function is too long to read', () => {
    const longFiles = [...PRODUCT, ...TESTS].filter(({ text }) => text.split('\n').length - 1 > FILE_LINES_MAX);
    expect(
      longFiles.map(({ path }) => `${path}: more than ${FILE_LINES_MAX} lines are banned, use several files`),
    ).toEqual([]);
    expect(PRODUCT.flatMap(longFunctions)).toEqual([]);
  });
});
