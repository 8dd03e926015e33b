import { setTimeout as pause } from 'node:timers/promises';
import { Connections } from './connections';
import { closedLoop, openLoop } from './loops';
import { Recorder } from './recorder';
import type { LoadEvent, LoadSettings } from './settings';

/** The load process: one run of one load against one server. Settings and events: settings.ts. */

function tell(event: LoadEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

async function main(settings: LoadSettings): Promise<void> {
  const recorder = new Recorder();
  const connections = await Connections.open(settings);
  const loop = (settings.arrivalsPerSecond > 0 ? openLoop : closedLoop)(settings, connections, recorder);
  loop.start();
  await pause(settings.warmupMs);
  tell({ event: 'measuring' });
  const startedAtMs = performance.now();
  const cpuBefore = process.cpuUsage();
  recorder.isMeasuring = true;
  await pause(settings.measureMs);
  recorder.isMeasuring = false;
  const measuredMs = performance.now() - startedAtMs;
  const cpu = process.cpuUsage(cpuBefore);
  tell({ event: 'measured' });
  await loop.stop();
  connections.close();
  const { done, acknowledged, offered, shed, latency, failures, wronglyReplayed, replayed, unacknowledged } = recorder;
  tell({
    event: 'result',
    result: {
      measuredMs,
      done,
      acknowledged,
      offered,
      shed,
      p50Ms: latency.quantileMs(0.5),
      p99Ms: latency.quantileMs(0.99),
      failures,
      wronglyReplayed,
      replayed,
      issued: loop.callers.map(({ issued }) => issued),
      unacknowledged,
      cpuMs: (cpu.user + cpu.system) / 1_000,
    },
  });
}

main(JSON.parse(process.argv[2] ?? '{}') as LoadSettings).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
