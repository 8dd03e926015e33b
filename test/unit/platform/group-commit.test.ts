import {
  GroupCommit,
  type GroupCommitOptions,
  type LockMode,
  type Settled,
} from '../../../src/platform/db/group-commit';
import { DomainError, platformErrors } from '../../../src/platform/errors';

/** Takes `value` for `key`. */
interface Put {
  readonly key: string;
  readonly value: string;
}

/** What a batch was, and what it is to wait for before it is committed. */
interface Batch {
  readonly values: readonly string[];
  readonly mode: LockMode;
  readonly finish: () => void;
}

/** A store in memory, which a test stops, locks and poisons: what the queue around it does is what is tested. */
class Store {
  readonly written: string[] = [];
  readonly batches: Batch[] = [];
  readonly locked = new Set<string>();
  readonly poison = new Set<string>();
  refusal: DomainError | undefined;
  /** Whether batches wait for `finish`. */
  isSlow = false;

  readonly commit: GroupCommitOptions<Put, string>['commit'] = async (batch, mode, isGone) => {
    await new Promise<void>((resolve) => {
      this.batches.push({ values: batch.map(({ value }) => value), mode, finish: resolve });
      // A lock that is waited for is there in the end.
      if (!this.isSlow && mode === 'skip') resolve();
    });
    if (this.refusal !== undefined) throw this.refusal;
    for (const { value } of batch) if (this.poison.has(value)) throw new Error(`${value} is poison`);
    return batch.map((put, index): Settled<string> => {
      if (isGone(index)) return { kind: 'later' };
      if (mode === 'skip' && this.locked.has(put.key)) return { kind: 'locked' };
      this.written.push(put.value);
      return { kind: 'done', result: put.value };
    });
  };
}

function setUp(limits: Partial<GroupCommitOptions<Put, string>> = {}) {
  const store = new Store();
  const group = new GroupCommit<Put, string>({
    keyOf: ({ key }) => key,
    commit: store.commit,
    ...{ lanes: 1, laneBacklog: 1, batchMax: 100, queueMax: 100, keyQueueMax: 100, locksMax: 3, slowMax: 2 },
    ...limits,
  });
  const put = (value: string, signal?: AbortSignal): Promise<string> =>
    group.submit({ key: value.slice(0, 1), value }, signal);
  return { store, group, put };
}

async function turnsUntil(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns += 1) {
    if (turns > 1_000) throw new Error('never happened');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const reasonOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'done',
    (error: unknown) => (error instanceof DomainError ? error.reason : String(error)),
  );

describe('commands that arrive together', () => {
  test('are one batch, in their order; those that arrive meanwhile are the next', async () => {
    const { store, put } = setUp();
    store.isSlow = true;
    const first = [put('a1'), put('b1'), put('a2')];
    await turnsUntil(() => store.batches.length === 1);
    const second = [put('b2'), put('a3')];
    store.isSlow = false;
    store.batches[0]?.finish();
    expect(await Promise.all([...first, ...second])).toEqual(['a1', 'b1', 'a2', 'b2', 'a3']);
    expect(store.batches.map(({ values }) => values)).toEqual([
      ['a1', 'b1', 'a2'],
      ['b2', 'a3'],
    ]);
  });

  test('are cut into batches of the largest size', async () => {
    const { store, put } = setUp({ batchMax: 2 });
    await Promise.all(['a1', 'a2', 'a3', 'a4', 'a5'].map((value) => put(value)));
    expect(store.batches.map(({ values }) => values.length)).toEqual([2, 2, 1]);
    expect(store.written).toEqual(['a1', 'a2', 'a3', 'a4', 'a5']);
  });
});

describe('a key that is locked elsewhere', () => {
  test('is tried three times, then waited for apart, and holds up nobody', async () => {
    const { store, put } = setUp();
    store.locked.add('a');
    const waiting = [put('a1'), put('a2')];
    expect(await put('b1')).toBe('b1');
    await turnsUntil(() => store.batches.some(({ mode }) => mode === 'wait'));
    expect(store.batches.filter(({ values, mode }) => mode === 'skip' && values.includes('a1'))).toHaveLength(3);
    expect(await put('b2')).toBe('b2');
    expect(store.written).toEqual(['b1', 'b2']);
    const apart = store.batches.filter(({ mode }) => mode === 'wait');
    expect(apart.map(({ values }) => values)).toEqual([['a1', 'a2']]);
    apart[0]?.finish();
    expect(await Promise.all(waiting)).toEqual(['a1', 'a2']);
    expect(store.written).toEqual(['b1', 'b2', 'a1', 'a2']);
  });

  /** Wrong before: what arrived just when a key became slow went before what had waited in the lane all the time. */
  test('keeps the order of its commands, whenever they came', async () => {
    const { store, put } = setUp();
    store.locked.add('a');
    store.isSlow = true;
    const all = [put('a1')];
    for (const tries of [1, 2, 3]) {
      await turnsUntil(() => store.batches.length === tries);
      if (tries === 3) all.push(put('a2'));
      store.batches.at(-1)?.finish();
    }
    await turnsUntil(() => store.batches.some(({ mode }) => mode === 'wait'));
    all.push(put('a3'));
    store.isSlow = false;
    let done = 3;
    const finishing = (async () => {
      while (store.written.length < 3) {
        await turnsUntil(() => store.batches.length > done);
        store.batches[(done += 1) - 1]?.finish();
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    expect(await Promise.all(all)).toEqual(['a1', 'a2', 'a3']);
    await finishing;
    expect(store.written).toEqual(['a1', 'a2', 'a3']);
  });

  test('is waited for on few connections: the others wait their turn', async () => {
    const { store, put } = setUp({ slowMax: 1 });
    store.locked.add('a').add('b');
    const all = [put('a1'), put('b1')];
    const waits = () => store.batches.filter(({ mode }) => mode === 'wait');
    await turnsUntil(() => waits().length === 1);
    expect(await put('c1')).toBe('c1');
    expect(waits().map(({ values }) => values)).toEqual([['a1']]);
    waits()[0]?.finish();
    await turnsUntil(() => waits().length === 2);
    waits()[1]?.finish();
    expect(await Promise.all(all)).toEqual(['a1', 'b1']);
  });

  test('has its own bound: more of its commands are refused at once, and nobody else is', async () => {
    const { store, put } = setUp({ keyQueueMax: 1 });
    store.locked.add('a');
    const first = put('a1');
    await turnsUntil(() => store.batches.some(({ mode }) => mode === 'wait'));
    const second = put('a2');
    expect(await reasonOf(put('a3'))).toBe('OVERLOADED');
    expect(await put('b1')).toBe('b1');
    store.locked.clear();
    for (const done of [1, 2]) {
      await turnsUntil(() => store.batches.filter(({ mode }) => mode === 'wait').length === done);
      store.batches.filter(({ mode }) => mode === 'wait')[done - 1]?.finish();
    }
    expect(await Promise.all([first, second])).toEqual(['a1', 'a2']);
  });
});

describe('a batch that fails', () => {
  test('by one command is halved down to it: the others are done, in their order', async () => {
    const { store, put } = setUp();
    store.poison.add('c1');
    const values = ['a1', 'b1', 'c1', 'd1', 'a2', 'd2', 'e1'];
    const reasons = await Promise.all(values.map((value) => reasonOf(put(value))));
    expect(reasons).toEqual(values.map((value) => (value === 'c1' ? 'Error: c1 is poison' : 'done')));
    expect(store.written).toEqual(['a1', 'b1', 'd1', 'a2', 'd2', 'e1']);
  });

  /** Wrong before: the first half's command was tried again after the second half's had been done. */
  test('keeps the order of a key whose first command has to be tried again', async () => {
    const { store, put } = setUp();
    store.poison.add('x1');
    store.locked.add('a');
    store.isSlow = true;
    const all = [put('a1'), reasonOf(put('x1')), put('a2'), put('b1')];
    // All, the first half, a1 alone: found locked. From then on it is free.
    for (const tries of [1, 2, 3]) {
      await turnsUntil(() => store.batches.length === tries);
      store.batches.at(-1)?.finish();
    }
    await turnsUntil(() => store.batches.length === 4);
    store.locked.clear();
    store.isSlow = false;
    store.batches.at(-1)?.finish();
    expect(await Promise.all(all)).toEqual(['a1', 'Error: x1 is poison', 'a2', 'b1']);
    expect(store.written.filter((value) => value.startsWith('a'))).toEqual(['a1', 'a2']);
  });

  test('with a refusal is not tried in parts: the refusal is everybody’s', async () => {
    const { store, put } = setUp();
    store.refusal = platformErrors.DATABASE_UNAVAILABLE();
    expect(await Promise.all(['a1', 'b1', 'c1'].map((value) => reasonOf(put(value))))).toEqual(
      Array(3).fill('DATABASE_UNAVAILABLE'),
    );
    expect(store.batches).toHaveLength(1);
    store.refusal = undefined;
    expect(await put('a2')).toBe('a2');
  });
});

describe('bounds and deadlines', () => {
  test('a full queue refuses with OVERLOADED at once, and takes commands again when it is not full', async () => {
    const { store, group, put } = setUp({ queueMax: 2 });
    store.isSlow = true;
    const first = put('a1');
    await turnsUntil(() => store.batches.length === 1);
    const waiting = [put('b1'), put('c1')];
    expect(group.waiting).toBe(2);
    expect(await reasonOf(put('d1'))).toBe('OVERLOADED');
    store.isSlow = false;
    store.batches[0]?.finish();
    expect(await Promise.all([first, ...waiting])).toEqual(['a1', 'b1', 'c1']);
    expect(await put('d1')).toBe('d1');
    expect(store.written).toEqual(['a1', 'b1', 'c1', 'd1']);
  });

  test('a caller who left before the batch was cut gets his reason, and his command is never done', async () => {
    const { store, put } = setUp();
    store.isSlow = true;
    const first = put('a1');
    await turnsUntil(() => store.batches.length === 1);
    const leaving = new AbortController();
    const gone = reasonOf(put('b1', leaving.signal));
    leaving.abort(platformErrors.DEADLINE_EXCEEDED());
    store.isSlow = false;
    store.batches[0]?.finish();
    expect(await gone).toBe('DEADLINE_EXCEEDED');
    expect(await first).toBe('a1');
    expect(await put('c1')).toBe('c1');
    expect(store.written).toEqual(['a1', 'c1']);
  });

  test('one who leaves while the batch waits for locks is told to `commit`, and not done either', async () => {
    const { store, put } = setUp();
    store.isSlow = true;
    const leaving = new AbortController();
    const gone = reasonOf(put('a1', leaving.signal));
    const other = put('b1');
    await turnsUntil(() => store.batches.length === 1);
    leaving.abort(platformErrors.CANCELLED());
    store.isSlow = false;
    store.batches[0]?.finish();
    expect([await gone, await other]).toEqual(['CANCELLED', 'b1']);
    expect(store.written).toEqual(['b1']);
  });

  test('close() lets what was taken finish, slow keys too, and refuses what comes then', async () => {
    const { store, group, put } = setUp();
    store.locked.add('a');
    const taken = [put('a1'), put('b1')];
    await turnsUntil(() => store.batches.some(({ mode }) => mode === 'wait'));
    let isClosed = false;
    const closed = group.close().then(() => (isClosed = true));
    expect(await reasonOf(put('c1'))).toBe('SHUTTING_DOWN');
    expect(await taken[1]).toBe('b1');
    expect(isClosed).toBe(false);
    store.batches.find(({ mode }) => mode === 'wait')?.finish();
    expect(await taken[0]).toBe('a1');
    await closed;
    expect(store.written).toEqual(['b1', 'a1']);
    await group.close();
  });
});
