import { monotonicMs } from '../../platform/clock';

/** A receiver that takes longer to answer is slow. */
const SLOW_MS = 1_000;

/**
 * How much of a process's room for deliveries each sink may take. One that answers quickly takes what there is; one whose last
 * answer was slow has its share and no more, so that a receiver that hangs does not keep the others from being told.
 */
export interface SinkRoom {
  /** Whether one more attempt at a sink may be made now. */
  enter(sink: string): boolean;
  /** That attempt is over. */
  leave(sink: string): void;
  /** Hands over, and notes how long the receiver took. */
  timed(sink: string, handOver: () => Promise<void>): Promise<void>;
}

/** Room for `atOnce` deliveries of so many sinks. */
export function createSinkRoom(atOnce: number, sinks: number): SinkRoom {
  const share = Math.max(1, Math.floor(atOnce / Math.max(1, sinks)));
  const underWay = new Map<string, number>();
  const slow = new Set<string>();
  const change = (sink: string, by: number): void => void underWay.set(sink, (underWay.get(sink) ?? 0) + by);
  return {
    enter: (sink) => {
      if (slow.has(sink) && (underWay.get(sink) ?? 0) >= share) return false;
      change(sink, 1);
      return true;
    },
    leave: (sink) => change(sink, -1),
    timed: async (sink, handOver) => {
      const startMs = monotonicMs();
      try {
        await handOver();
      } finally {
        if (monotonicMs() - startMs >= SLOW_MS) slow.add(sink);
        else slow.delete(sink);
      }
    },
  };
}
