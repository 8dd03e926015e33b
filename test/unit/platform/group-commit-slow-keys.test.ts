import { GroupCommit, type LockMode, type Settled } from '../../../src/platform/db/group-commit';

interface Command {
  readonly key: string;
  readonly number: number;
}

const QUEUE_MAX = 100;
const KEY_QUEUE_MAX = 50;

/** Lesson 53: what waits for one locked key is waited for once, together and in order, and stops nobody else. */
describe('commands whose key is locked elsewhere', () => {
  const commits: { readonly mode: LockMode; readonly numbers: readonly number[] }[] = [];
  let unlock: () => void = () => undefined;
  let unlocked: Promise<void>;
  let lane: GroupCommit<Command, number>;
  beforeEach(() => {
    commits.length = 0;
    unlocked = new Promise((resolve) => {
      unlock = resolve;
    });
    lane = new GroupCommit<Command, number>({
      keyOf: ({ key }) => key,
      commit: async (batch, mode) => {
        commits.push({ mode, numbers: batch.map(({ number }) => number) });
        if (mode === 'wait') await unlocked;
        return batch.map(({ key, number }): Settled<number> => {
          return key === 'locked' && mode === 'skip' ? { kind: 'locked' } : { kind: 'done', result: number };
        });
      },
      ...{
        lanes: 1,
        laneBacklog: 1,
        batchMax: 8,
        queueMax: QUEUE_MAX,
        keyQueueMax: KEY_QUEUE_MAX,
        locksMax: 3,
        slowMax: 1,
      },
    });
  });

  const submit = (key: string, ...numbers: readonly number[]): Promise<number>[] =>
    numbers.map((number) => lane.submit({ key, number }));

  /** Keeps the lane busy with others until the locked key is waited for apart. */
  const untilWaited = async (): Promise<void> => {
    while (!commits.some(({ mode }) => mode === 'wait')) await Promise.all(submit('free', 0));
  };

  test('are waited for in one transaction, in the order they came, while others are committed', async () => {
    const settled: number[] = [];
    const waiting = submit('locked', 1, 2, 3, 4, 5).map((result) => result.then((number) => settled.push(number)));
    await untilWaited();
    expect(settled).toEqual([]);
    // Those that come later join the ones that wait.
    const later = submit('locked', 8, 9).map((result) => result.then((number) => settled.push(number)));
    await Promise.all(submit('free', 10));
    unlock();
    await Promise.all([...waiting, ...later]);
    expect(settled).toEqual([1, 2, 3, 4, 5, 8, 9]);
    const waited = commits.filter(({ mode }) => mode === 'wait').map(({ numbers }) => numbers);
    expect(waited).toEqual([
      [1, 2, 3, 4, 5],
      [8, 9],
    ]);
  });

  test('are settled before the lane is closed', async () => {
    const waiting = submit('locked', 1, 2);
    let isClosed = false;
    const closing = lane.close().then(() => {
      isClosed = true;
    });
    await expect(lane.submit({ key: 'free', number: 3 })).rejects.toMatchObject({ reason: 'SHUTTING_DOWN' });
    expect(isClosed).toBe(false);
    unlock();
    expect(await Promise.all(waiting)).toEqual([1, 2]);
    await closing;
  });

  test('leave when their callers do, and are not done then', async () => {
    const caller = new AbortController();
    const stays = submit('locked', 1);
    await untilWaited();
    const leaves = expect(lane.submit({ key: 'locked', number: 2 }, caller.signal)).rejects.toThrow('gone');
    await Promise.all(submit('free', 3));
    caller.abort(new Error('gone'));
    unlock();
    await leaves;
    expect(await Promise.all(stays)).toEqual([1]);
    expect(commits.flatMap(({ mode, numbers }) => (mode === 'wait' ? numbers : []))).toEqual([1]);
  });

  test('leave room for others when their callers leave: a key is not full of the dead', async () => {
    const caller = new AbortController();
    const stays = submit('locked', 1);
    await untilWaited();
    const leave = Array.from({ length: KEY_QUEUE_MAX }, (_, i) =>
      expect(lane.submit({ key: 'locked', number: 100 + i }, caller.signal)).rejects.toThrow('gone'),
    );
    await expect(lane.submit({ key: 'locked', number: 2 })).rejects.toMatchObject({ reason: 'OVERLOADED' });
    caller.abort(new Error('gone'));
    const joins = submit('locked', 3);
    unlock();
    await Promise.all(leave);
    expect(await Promise.all([...stays, ...joins])).toEqual([1, 3]);
  });

  test('count among all that wait: the queue is full with them too', async () => {
    const stays = submit('locked', 1);
    await untilWaited();
    const wait = Array.from({ length: KEY_QUEUE_MAX }, (_, i) => lane.submit({ key: 'locked', number: 100 + i }));
    const more = Array.from({ length: QUEUE_MAX - KEY_QUEUE_MAX }, (_, i) => lane.submit({ key: 'free', number: i }));
    await expect(lane.submit({ key: 'free', number: 7 })).rejects.toMatchObject({ reason: 'OVERLOADED' });
    unlock();
    await Promise.all([...stays, ...wait, ...more]);
  });
});

/** With more locked keys than connections to wait on, each has its turn, however much arrives for the first. */
test('locked keys take turns on the connection they are waited for', async () => {
  const waited: string[] = [];
  let isOver = false;
  const lane: GroupCommit<Command, number> = new GroupCommit<Command, number>({
    keyOf: ({ key }) => key,
    commit: async (batch, mode) => {
      if (mode === 'skip') return batch.map((): Settled<number> => ({ kind: 'locked' }));
      waited.push(batch[0]?.key ?? '');
      // The first key never runs dry.
      if (batch[0]?.key === 'first' && !isOver) more.push(lane.submit({ key: 'first', number: 0 }));
      await new Promise((resolve) => setImmediate(resolve));
      return batch.map(({ number }): Settled<number> => ({ kind: 'done', result: number }));
    },
    ...{ lanes: 1, laneBacklog: 1, batchMax: 8, queueMax: 100, keyQueueMax: 100, locksMax: 3, slowMax: 1 },
  });
  const more: Promise<number>[] = [];
  const keys = ['first', 'second', 'third'];
  await Promise.all(keys.map((key) => lane.submit({ key, number: 0 })));
  expect(waited.slice(0, 3).sort()).toEqual([...keys].sort());
  isOver = true;
  await Promise.all(more);
  await lane.close();
});
