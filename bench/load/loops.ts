import { setTimeout as pause } from 'node:timers/promises';
import { Caller } from './caller';
import type { Connections } from './connections';
import type { Recorder } from './recorder';
import type { LoadSettings } from './settings';

/** A source of calls. */
export interface Loop {
  readonly callers: readonly Caller[];
  start(): void;
  /** Begins no more calls; resolves when those under way have ended, or are given up. */
  stop(): Promise<void>;
}

/** Longer than the deadline of any call. */
const DRAIN_MS_MAX = 15_000;
const DRAIN_STEP_MS = 5;

async function drained(unanswered: () => number): Promise<void> {
  const giveUpAtMs = performance.now() + DRAIN_MS_MAX;
  while (unanswered() > 0 && performance.now() < giveUpAtMs) await pause(DRAIN_STEP_MS);
}

/** Each caller makes its next call when its last one is answered. */
export function closedLoop(settings: LoadSettings, connections: Connections, recorder: Recorder): Loop {
  let isRunning = false;
  let unanswered = 0;
  const next = (caller: Caller): void => {
    caller.prepare(performance.now());
    unanswered += 1;
    connections.of(caller.number).start(caller);
  };
  const onFree = (caller: Caller): void => {
    unanswered -= 1;
    // The connection that brought the answer flushes when it has read all it got.
    if (isRunning) next(caller);
  };
  const callers = Array.from({ length: settings.callers }, (_, n) => new Caller(n, settings, recorder, onFree));
  return {
    callers,
    start: () => {
      isRunning = true;
      callers.forEach(next);
      connections.flush();
    },
    stop: () => {
      isRunning = false;
      return drained(() => unanswered);
    },
  };
}

/**
 * Calls arrive at a fixed rate, whatever the server does. A call's latency counts from when it was due: one that has
 * to wait for the timer or for a free caller counts that wait.
 */
export function openLoop(settings: LoadSettings, connections: Connections, recorder: Recorder): Loop {
  const intervalMs = 1_000 / settings.arrivalsPerSecond;
  const free: Caller[] = [];
  const onFree = (caller: Caller): void => void free.push(caller);
  const callers = Array.from({ length: settings.callers }, (_, n) => new Caller(n, settings, recorder, onFree));
  free.push(...callers);
  let timer: NodeJS.Timeout | undefined;
  let dueAtMs = 0;
  const arrive = (): void => {
    const nowMs = performance.now();
    for (; dueAtMs <= nowMs; dueAtMs += intervalMs) {
      if (recorder.isMeasuring) recorder.offered += 1;
      const caller = free.pop();
      if (caller === undefined) {
        if (recorder.isMeasuring) recorder.shed += 1;
        continue;
      }
      caller.prepare(dueAtMs);
      connections.of(caller.number).start(caller);
    }
    connections.flush();
  };
  return {
    callers,
    start: () => {
      dueAtMs = performance.now();
      timer = setInterval(arrive, 1);
    },
    stop: () => {
      clearInterval(timer);
      return drained(() => callers.length - free.length);
    },
  };
}
