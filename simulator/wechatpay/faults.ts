/** The faults that can be planned for API calls. README.md says what each does. */
export const FAULT_NAMES = [
  '429',
  '500',
  '500-after',
  '202',
  'html-502',
  'drop',
  'drop-after',
  'slow',
  'unsigned',
  'badsign',
] as const;
export type FaultName = (typeof FAULT_NAMES)[number];

export interface Fault {
  readonly name: FaultName;
  /** Only calls whose path begins with this; undefined: every API call. */
  readonly path: string | undefined;
  /** How long `slow` holds the answer back. */
  readonly delayMs: number;
}

/** Faults waiting for the calls they will spoil; gone with the process. */
export class FaultQueue {
  private planned: { readonly fault: Fault; remaining: number }[] = [];

  /** The next `times` matching calls get this fault, after those that were planned earlier. */
  plan(fault: Fault, times: number): void {
    this.planned.push({ fault, remaining: times });
  }

  clear(): void {
    this.planned = [];
  }

  /** The fault for a call to this path, if any; counts it as spent. */
  take(path: string): Fault | undefined {
    const entry = this.planned.find(({ fault }) => fault.path === undefined || path.startsWith(fault.path));
    if (entry === undefined) return undefined;
    entry.remaining -= 1;
    if (entry.remaining === 0) this.planned = this.planned.filter((other) => other !== entry);
    return entry.fault;
  }
}
