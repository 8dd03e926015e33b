import { CALENDAR_STORIES } from './calendar-stories';
import { serviceFacts } from './facts';
import { jobsHere } from './jobs-here';
import { play } from './play';
import { stockCatalogue } from './stock-catalogue';
import { openWorld, type World } from './world';

const ofKind = (lines: readonly string[], kind: string): string[] => lines.filter((line) => line.startsWith(kind));

/** R2.2, lesson 50: month ends, leap days and Shanghai midnight, by name; what must come of them was worked out on paper. */
describe('days that calendars stumble over', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
    await stockCatalogue(world);
  });
  afterAll(() => world.close());

  test.each(CALENDAR_STORIES)('$name', async ({ story, periods, grants }) => {
    const { user, moments, end } = story;
    expect(await play(moments, world, jobsHere(world))).toEqual([]);
    const lines = (await serviceFacts(world, [user], end)).get(user) ?? [];
    expect(ofKind(lines, 'period ')).toEqual([...periods].sort());
    expect(ofKind(lines, 'grant membership/')).toEqual([...grants].sort());
  });
});
