import { lockAccounts } from '../../../src/quota/account-reader';
import { writesOf } from '../../../src/quota/account-writer';
import { Book } from '../../../src/quota/book';
import { decide } from '../../../src/quota/ledger';
import { ListedCommands, type TermsSources } from '../../../src/quota/listed-commands';
import { commandOf, emptyAccount, EPOCH, lotOf, POLICY } from '../../support/quota-account';

const HELD = { features: new Set(['drawing']), limits: new Map([['drawing', 9]]), periodNo: 4 };
const SOURCES: TermsSources = {
  tariffs: {
    tariffOf: (taskType, now) => {
      const isListed = taskType === 'draw' || (taskType === 'soon' && now > EPOCH);
      return isListed ? { units: 2, feature: 'drawing' } : undefined;
    },
    ready: () => Promise.resolve(),
  },
  entitlements: { reads: (userIds) => [{ sql: `of ${userIds.join()}` }], entitlementsOf: () => HELD },
};

/** The texts of the first round trip for some commands. */
async function firstReads(...commands: Parameters<typeof lockAccounts>[1]): Promise<readonly string[]> {
  const listed = new ListedCommands(SOURCES, commands, EPOCH);
  const sent: string[] = [];
  await lockAccounts(
    (reads) => {
      sent.push(...reads.map(({ sql }) => sql));
      return Promise.resolve(reads.map(() => []));
    },
    commands,
    'skip',
    listed.beside,
  );
  return sent;
}

function bookWith(units: number): Book {
  const lots = [lotOf({ grantId: 1, amount: units })];
  return new Book({ ...emptyAccount(), quotaRemaining: units, logSequence: 1, lots }, EPOCH);
}

const tablesWritten = (book: Book): readonly string[] => writesOf([book], EPOCH).map(({ what }) => what);

describe('a batch', () => {
  test('whose task types are not listed reads and writes what it did before there were tariffs', async () => {
    const commands = [
      commandOf.consume({ taskType: 'plain' }),
      commandOf.hold(),
      commandOf.refund({ consumeRequestId: 'c-0' }),
    ];
    const reads = await firstReads(...commands);
    expect(reads.map((sql) => /(?:FROM|JOIN) (users|quota_\w+)/.exec(sql)?.[1])).toEqual([
      ...['users', 'quota_grants', 'quota_logs', 'users'],
    ]);
    const book = bookWith(50);
    for (const command of commands.slice(0, 2)) decide(book, command, POLICY);
    expect(tablesWritten(book)).toEqual(['quota_logs', 'quota_charges', 'users', 'quota_grants', 'outbox']);
  });

  test('asks in the same round trip for what its listed ones need: limits, and what their users hold', async () => {
    const listed = commandOf.consume({ taskType: 'draw', amount: 2, userId: 'u-2' });
    const without = await firstReads(commandOf.consume({ userId: 'u-2' }));
    const reads = await firstReads(listed, commandOf.consume({ requestId: 'c-2', taskType: 'plain' }));
    expect(reads.length).toBe(without.length + 2);
    expect(reads.filter((sql) => sql.includes('feature_usages'))).toHaveLength(1);
    expect(reads.filter((sql) => sql === 'of u-2')).toHaveLength(1);
  });

  test('writes which charge counts against a limit, and what that has seen; nothing where there is no limit', () => {
    const terms = { tariff: { units: 2, feature: 'drawing' }, entitlements: HELD };
    const limited = bookWith(50);
    decide(limited, commandOf.consume({ amount: 2, taskType: 'draw' }), POLICY, terms);
    expect(tablesWritten(limited)).toContain('feature_charges');
    expect(tablesWritten(limited)).toContain('feature_usages');
    const free = bookWith(50);
    const unlimited = { ...HELD, limits: new Map<string, number>() };
    decide(free, commandOf.consume({ amount: 2, taskType: 'draw' }), POLICY, { ...terms, entitlements: unlimited });
    expect(tablesWritten(free)).toEqual(['quota_logs', 'quota_charges', 'users', 'quota_grants', 'outbox']);
  });
});

describe('the terms of a command', () => {
  test('are its tariff and what its user holds; none where its task type is not listed', () => {
    const draw = commandOf.consume({ taskType: 'draw' });
    const listed = new ListedCommands(SOURCES, [draw], EPOCH);
    const terms = { tariff: { units: 2, feature: 'drawing' }, entitlements: HELD };
    expect(listed.termsOf(draw, bookWith(1), EPOCH)).toEqual(terms);
    expect(listed.termsOf(commandOf.hold({ taskType: 'plain' }), bookWith(1), EPOCH)).toBe('unlisted');
  });

  test('are not known where a tariff came into force since the batch was read for', () => {
    const soon = commandOf.consume({ taskType: 'soon' });
    const listed = new ListedCommands(SOURCES, [soon], EPOCH);
    expect(listed.termsOf(soon, bookWith(1), EPOCH)).toBe('unlisted');
    expect(listed.termsOf(soon, bookWith(1), new Date(EPOCH.getTime() + 1))).toBe('unread');
  });
});
