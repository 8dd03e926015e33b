import { Turns } from '../../../src/quota/turns';

/** A piece of work that ends when it is told to. */
function held() {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { work: () => ended, end };
}

const alive = () => new AbortController().signal;

/** Lesson 53: one user's commands wait for each other and for nobody else, and the dead do not wait at all. */
describe("a user's commands", () => {
  test('run one at a time, in the order they came; those of others run at once', async () => {
    const turns = new Turns();
    const order: string[] = [];
    const note = (name: string) => async () => void order.push(name);
    const first = held();
    const running = turns.take('u', alive(), first.work);
    const second = turns.take('u', alive(), note('second'));
    const third = turns.take('u', alive(), note('third'));
    await turns.take('stranger', alive(), note('stranger'));
    expect(order).toEqual(['stranger']);
    first.end();
    await Promise.all([running, second, third]);
    expect(order).toEqual(['stranger', 'second', 'third']);
  });

  test('go on after one that failed', async () => {
    const turns = new Turns();
    const failing = turns.take('u', alive(), () => Promise.reject(new Error('refused')));
    await expect(failing).rejects.toThrow('refused');
    await expect(turns.take('u', alive(), () => Promise.resolve('next'))).resolves.toBe('next');
  });

  test('leave the queue when their caller is gone, without being run, and keep the order of the rest', async () => {
    const turns = new Turns();
    const first = held();
    const running = turns.take('u', alive(), first.work);
    const caller = new AbortController();
    const gone = new Error('the caller is gone');
    const waiting = turns.take('u', caller.signal, () => Promise.reject(new Error('was run')));
    let isLastRun = false;
    const last = turns.take('u', alive(), async () => {
      isLastRun = true;
    });
    caller.abort(gone);
    await expect(waiting).rejects.toBe(gone);
    expect(isLastRun).toBe(false);
    first.end();
    await Promise.all([running, last]);
    expect(isLastRun).toBe(true);
  });

  test('are refused with OVERLOADED above 1 000, and taken again when there is room', async () => {
    const turns = new Turns();
    const first = held();
    const taken = Array.from({ length: 1_000 }, () => turns.take('u', alive(), first.work));
    await expect(turns.take('u', alive(), first.work)).rejects.toMatchObject({ reason: 'OVERLOADED' });
    await expect(turns.take('stranger', alive(), () => Promise.resolve('served'))).resolves.toBe('served');
    first.end();
    await Promise.all(taken);
    await expect(turns.take('u', alive(), () => Promise.resolve('served'))).resolves.toBe('served');
  });
});
