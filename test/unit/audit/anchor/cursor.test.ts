import { joinByUser } from '../../../../src/audit/anchor/cursor';

interface Item {
  readonly userId: string;
  readonly value: number;
}

async function* pages(...list: readonly (readonly Item[])[]): AsyncGenerator<readonly Item[]> {
  yield* list;
}
const item = (userId: string, value: number): Item => ({ userId, value });

/** What an anchor and a database say of the same user must meet, however their pages fall. */
test('sources are joined by user, in order, whatever their pages', async () => {
  const joined: unknown[] = [];
  const all = joinByUser<[Item, Item, Item]>(
    pages([], [item('B', 1)], [], [item('b', 2), item('c', 3)]),
    pages([item('A', 10), item('B', 11)], [item('a b', 12), item('c', 13)]),
    pages(),
  );
  for await (const { userId, found } of all) joined.push([userId, ...found.map((one) => one?.value)]);
  expect(joined).toEqual([
    ['A', undefined, 10, undefined],
    ['B', 1, 11, undefined],
    ['a b', undefined, 12, undefined],
    ['b', 2, undefined, undefined],
    ['c', 3, 13, undefined],
  ]);
});
