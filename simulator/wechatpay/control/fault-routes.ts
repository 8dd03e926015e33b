import type { Router } from 'express';
import { FAULT_NAMES, type FaultName, type Faults } from '../faults';
import type { Holding } from '../holding';
import { integer, list, number, required, text, type Fields } from '../schema';
import { answer, body } from './exchange';

interface FaultRequest {
  readonly name: FaultName;
  readonly times?: number;
  readonly path?: string;
  readonly ms?: number;
}

interface ChaosRequest {
  readonly seed: number;
  readonly api_rate: number;
  readonly callback_rate: number;
  readonly names?: readonly FaultName[];
  readonly ms?: number;
}

const LONGEST_MS = 600_000;
const FAULT_FIELDS: Fields = {
  name: required(text(32, { oneOf: FAULT_NAMES })),
  times: integer({ min: 1 }),
  path: text(255),
  ms: integer({ min: 0, max: LONGEST_MS }),
};
const CHAOS_FIELDS: Fields = {
  seed: required(integer({ min: 0, max: 4_294_967_295 })),
  api_rate: required(number({ min: 0, max: 1 })),
  callback_rate: required(number({ min: 0, max: 1 })),
  names: list(text(32, { oneOf: FAULT_NAMES })),
  ms: integer({ min: 0, max: LONGEST_MS }),
};
const SLOW_MS_DEFAULT = 20_000;
const CHAOS_MS_DEFAULT = 200;

/** Misfortune: planned for the next calls and attempts, or by chance for all of them. */
export function faultRoutes(router: Router, faults: Faults, holding: Holding): void {
  router.get('/fault', (_req, res) => {
    const planned = faults.plans().map(({ fault: { name, path }, remaining }) => ({ name, path, times: remaining }));
    answer(res, 200, { planned, held: holding.count });
  });
  router.post('/fault', (req, res) => {
    const { name, times = 1, path, ms } = body<FaultRequest>(req, FAULT_FIELDS);
    faults.plan({ name, path, delayMs: ms ?? longest(name) }, times);
    answer(res, 200, { name, times, path: path ?? '/' });
  });
  router.delete('/fault', (_req, res) => {
    faults.clear();
    holding.release();
    answer(res, 200, {});
  });
  router.post('/chaos', (req, res) => {
    const { seed, api_rate, callback_rate, names = FAULT_NAMES, ms } = body<ChaosRequest>(req, CHAOS_FIELDS);
    const delayMs = ms ?? CHAOS_MS_DEFAULT;
    faults.setChaos({ seed, apiRate: api_rate, callbackRate: callback_rate, names, delayMs });
    answer(res, 200, { seed, api_rate, callback_rate, names, ms: delayMs });
  });
  router.delete('/chaos', (_req, res) => {
    faults.setChaos(undefined);
    answer(res, 200, {});
  });
}

/** What is held back waits to be released; what is only slow does not take for ever. */
function longest(name: FaultName): number {
  return name === 'hold-before' || name === 'callback-reordered' ? LONGEST_MS : SLOW_MS_DEFAULT;
}
