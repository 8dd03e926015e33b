/** Random numbers from a seed: the same seed gives the same run, on every machine (mulberry32). */
export interface Random {
  /** A whole number from `least` to `most`, both possible. */
  between(least: number, most: number): number;
  /** True so many times of a thousand. */
  chance(perMille: number): boolean;
  pick<Item>(items: readonly [Item, ...(readonly Item[])]): Item;
  /** One of the items, each as likely as its weight says. */
  weighted<Item>(items: readonly (readonly [weight: number, item: Item])[]): Item;
}

export function seeded(seed: number): Random {
  let state = seed >>> 0;
  /** A whole number below 2^32. */
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const between = (least: number, most: number): number => least + Math.floor((next() / 2 ** 32) * (most - least + 1));
  return {
    between,
    chance: (perMille) => between(1, 1000) <= perMille,
    pick: (items) => items[between(0, items.length - 1)] ?? items[0],
    weighted: (items) => {
      let left = between(
        1,
        items.reduce((sum, [weight]) => sum + weight, 0),
      );
      for (const [weight, item] of items) {
        left -= weight;
        if (left <= 0) return item;
      }
      throw new Error('nothing to choose from');
    },
  };
}
