import { GroupCommit, type LockMode, type Settled } from '../../../src/platform/db/group-commit';

interface Command {
  readonly key: string;
  readonly number: number;
}

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
      ...{ lanes: 1, laneBacklog: 1, batchMax: 8, queueMax: 100, keyQueueMax: 100, locksMax: 3, slowMax: 1 },
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
});
