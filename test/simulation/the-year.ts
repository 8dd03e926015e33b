import { drawYear, type DrawnYear } from './draw-year';
import { differences, oracleFacts, serviceFacts } from './facts';
import { play, type RunDue } from './play';
import { stockCatalogue } from './stock-catalogue';
import { openWorld, type World } from './world';
import type { Overrides } from '../support/harness';

/** The year that every run of the simulation plays, of so many users that a run of all tests stays short. Another one: SIMULATION_SEED, SIMULATION_USERS. */
const SEED = Number(process.env['SIMULATION_SEED'] ?? 1);
const USERS = Number(process.env['SIMULATION_USERS'] ?? 80);

/** The year of all users, or of the first so many of them: they live the same lives. */
export function drawTheYear(usersMax = USERS): DrawnYear {
  return drawYear(SEED, Math.min(usersMax, USERS));
}

/** A world that sells what the simulation buys. */
export async function openStockedWorld(overrides: Overrides = {}): Promise<World> {
  const world = await openWorld(overrides);
  await stockCatalogue(world);
  return world;
}

/**
 * Plays a year, and compares: every answer on the way, and at the end every interval of membership, every grant, every order and
 * every balance. Returns the first disagreements in words.
 */
export async function playAndCompare(year: DrawnYear, world: World, runDue: RunDue): Promise<readonly string[]> {
  const { moments, oracles } = year;
  const wrong = await play(moments, world, runDue);
  if (wrong.length > 0) return wrong.slice(0, 10);
  const end = moments.at(-1)?.time ?? 0;
  const found = await serviceFacts(world, [...oracles.keys()], end);
  return differences(oracleFacts(oracles, end), found).slice(0, 20);
}
