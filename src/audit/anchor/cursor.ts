/** Walks over what comes in pages, one item after another. */
export class Cursor<Item> {
  private page: readonly Item[] = [];
  private place = 0;
  private isOver = false;

  constructor(private readonly pages: AsyncIterator<readonly Item[]>) {}

  /** The item it stands at; undefined behind the last. */
  async current(): Promise<Item | undefined> {
    while (this.place >= this.page.length && !this.isOver) {
      const next = await this.pages.next();
      this.isOver = next.done === true;
      this.page = next.done === true ? [] : next.value;
      this.place = 0;
    }
    return this.page[this.place];
  }

  /** Goes on to the next. */
  advance(): void {
    this.place += 1;
  }
}

/** What several sources, each in order of user, say of one user: undefined where one says nothing. */
export type Row<Sources extends readonly { readonly userId: string }[]> = {
  readonly [Index in keyof Sources]: Sources[Index] | undefined;
};

/**
 * Walks over several sources in order of user, all of which have a user at most once. Ids are ASCII, which JavaScript
 * orders as the database does.
 */
export async function* joinByUser<Sources extends readonly { readonly userId: string }[]>(
  ...sources: { readonly [Index in keyof Sources]: AsyncIterable<readonly Sources[Index][]> }
): AsyncGenerator<{ readonly userId: string; readonly found: Row<Sources> }> {
  const cursors = sources.map((source) => new Cursor(source[Symbol.asyncIterator]()));
  for (;;) {
    const items = await Promise.all(cursors.map((cursor) => cursor.current()));
    const ids = items.flatMap((item) => (item === undefined ? [] : [item.userId]));
    const [first, ...others] = ids;
    if (first === undefined) return;
    const userId = others.reduce((least, id) => (id < least ? id : least), first);
    const found = items.map((item) => (item?.userId === userId ? item : undefined));
    for (const [place, item] of found.entries()) if (item !== undefined) cursors[place]?.advance();
    yield { userId, found: found as Row<Sources> };
  }
}
