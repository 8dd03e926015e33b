import type { Act, Moment } from './script';
import type { World } from './world';

/** Plays a drawn year in a world. */

/** Who does what is due by a time; returns when all of it is done. */
export type RunDue = (time: number) => Promise<void>;

/** Users that are served at the same time. */
const AT_ONCE = 24;

/** Runs work for each item, a few at a time. */
export async function each<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const left = [...items].reverse();
  const worker = async (): Promise<void> => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, left.length) }, worker));
}

function byUser(acts: readonly Act[]): ReadonlyMap<string, readonly Act[]> {
  const groups = new Map<string, Act[]>();
  for (const act of acts) groups.set(act.user, [...(groups.get(act.user) ?? []), act]);
  return groups;
}

/** An answer that is none of those that would be right. */
function wrongAnswer({ user, step, answers }: Act, answer: string, index: number): string {
  return `moment ${index}, ${user}, ${JSON.stringify(step)}: ${answer}, should be ${answers.join(' or ')}`;
}

/**
 * Plays moments one after the other. Returns the first wrong answer of each user; from then on he does nothing more, as everything
 * he did would be wrong.
 */
export async function play(moments: readonly Moment[], world: World, runDue: RunDue): Promise<readonly string[]> {
  const wrong = new Map<string, string>();
  for (const [index, { time, isTick, acts }] of moments.entries()) {
    world.clock.stopAt(new Date(time));
    if (isTick) await runDue(time);
    await each([...byUser(acts)], async ([user, own]) => {
      for (const act of own) {
        if (wrong.has(user)) return;
        const answer = await world.act(user, act.step, time);
        if (!act.answers.includes(answer)) wrong.set(user, wrongAnswer(act, answer, index));
      }
    });
  }
  return [...wrong.values()];
}
