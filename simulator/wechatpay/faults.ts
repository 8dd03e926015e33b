import { seededChance } from './chance';
import { CORRUPTIONS, type Corruption } from './corruption';

/** The faults of API calls. README.md says what each does. */
const API_FAULT_NAMES = [
  '429',
  '500',
  '500-after',
  '202',
  'html-502',
  'drop',
  'drop-after',
  'slow',
  'hold-before',
  'unsigned',
  'badsign',
] as const;
export type ApiFaultName = (typeof API_FAULT_NAMES)[number];

const FATES = ['callback-lost', 'callback-duplicated', 'callback-delayed', 'callback-reordered'] as const;
export type CallbackFaultName = (typeof FATES)[number] | `callback-${Corruption}`;

/** The faults of attempts to notify the merchant. */
const CALLBACK_FAULT_NAMES: readonly CallbackFaultName[] = [
  ...FATES,
  ...CORRUPTIONS.map((corruption) => `callback-${corruption}` as const),
];
export type FaultName = ApiFaultName | CallbackFaultName;
export const FAULT_NAMES: readonly FaultName[] = [...API_FAULT_NAMES, ...CALLBACK_FAULT_NAMES];

export interface Fault<Name extends FaultName = FaultName> {
  readonly name: Name;
  /** Only calls whose path begins with this; undefined: every one. */
  readonly path: string | undefined;
  /** How long `slow`, `hold-before`, `callback-delayed` and `callback-reordered` take at most. */
  readonly delayMs: number;
}

/** A random mix; rates are out of one. */
export interface Chaos {
  readonly seed: number;
  readonly apiRate: number;
  readonly callbackRate: number;
  readonly names: readonly FaultName[];
  readonly delayMs: number;
}

interface Planned {
  readonly fault: Fault;
  remaining: number;
}

/** A seed for callbacks apart from that of calls, so that neither sequence depends on how the two interleave. */
const CALLBACK_SEED_OFFSET = 0x5eed;

/** Faults waiting for the calls and attempts they will spoil; gone with the process. */
export class Faults {
  private planned: Planned[] = [];
  private drawApi: () => Fault<ApiFaultName> | undefined = () => undefined;
  private drawCallback: () => Fault<CallbackFaultName> | undefined = () => undefined;

  /** The next `times` matching calls or attempts get this fault, after those that were planned earlier. */
  plan(fault: Fault, times: number): void {
    this.planned.push({ fault, remaining: times });
  }

  plans(): readonly Readonly<Planned>[] {
    return this.planned;
  }

  clear(): void {
    this.planned = [];
  }

  /** From now on every call and attempt that no plan spoils may be spoilt by chance; undefined ends it. */
  setChaos(chaos: Chaos | undefined): void {
    this.drawApi = chaos === undefined ? () => undefined : drawing(chaos, chaos.seed, chaos.apiRate, isApiFault);
    const seed = (chaos?.seed ?? 0) + CALLBACK_SEED_OFFSET;
    this.drawCallback =
      chaos === undefined ? () => undefined : drawing(chaos, seed, chaos.callbackRate, isCallbackFault);
  }

  /** The fault for an API call to this path, if any; counts it as spent. */
  takeForCall(path: string): Fault<ApiFaultName> | undefined {
    return this.takePlanned(path, isApiFault) ?? this.drawApi();
  }

  /** The fault for an attempt to notify this path, if any; counts it as spent. */
  takeForCallback(path: string): Fault<CallbackFaultName> | undefined {
    return this.takePlanned(path, isCallbackFault) ?? this.drawCallback();
  }

  private takePlanned<Name extends FaultName>(
    path: string,
    isWanted: (name: FaultName) => name is Name,
  ): Fault<Name> | undefined {
    const entry = this.planned.find(
      ({ fault }) => isWanted(fault.name) && (fault.path === undefined || path.startsWith(fault.path)),
    );
    if (entry === undefined) return undefined;
    entry.remaining -= 1;
    if (entry.remaining === 0) this.planned = this.planned.filter((other) => other !== entry);
    return entry.fault as Fault<Name>;
  }
}

/** The corruption that a callback's fault stands for, if it is one. */
export function corruptionOf(name: CallbackFaultName): Corruption | undefined {
  return CORRUPTIONS.find((corruption) => name === `callback-${corruption}`);
}

function isCallbackFault(name: FaultName): name is CallbackFaultName {
  return name.startsWith('callback-');
}

function isApiFault(name: FaultName): name is ApiFaultName {
  return !isCallbackFault(name);
}

/** Two numbers for every draw, whether it comes to a fault or not: what a call gets depends on its place alone. */
function drawing<Name extends FaultName>(
  { names, delayMs }: Chaos,
  seed: number,
  rate: number,
  isWanted: (name: FaultName) => name is Name,
): () => Fault<Name> | undefined {
  const chance = seededChance(seed);
  const wanted = names.filter(isWanted);
  return () => {
    const [hit, choice] = [chance(), chance()];
    const name = wanted[Math.floor(choice * wanted.length)];
    return hit < rate && name !== undefined ? { name, path: undefined, delayMs } : undefined;
  };
}
