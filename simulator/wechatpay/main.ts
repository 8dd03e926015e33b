import { fileOffsetClock, systemClock } from '../../src/platform/clock';
import type { Log } from './log';
import { startSimulator } from './server';

/** One JSON line per fact on standard output, stamped with the machine's time. */
const log: Log = (fact) => {
  process.stdout.write(`${JSON.stringify({ time: systemClock.machineNow().toISOString(), ...fact })}\n`);
};

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is not set`);
  return value;
}

function port(): number {
  const value = Number(required('SIMULATOR_PORT'));
  if (!Number.isInteger(value) || value < 0 || value > 65_535) throw new Error('SIMULATOR_PORT is not a port');
  return value;
}

async function main(): Promise<void> {
  const clockFile = process.env['DEV_CLOCK_FILE'];
  const simulator = await startSimulator({
    port: port(),
    materialDir: required('SIMULATOR_MATERIAL_DIR'),
    stateDir: required('SIMULATOR_STATE_DIR'),
    clock: clockFile ? fileOffsetClock(clockFile) : systemClock,
    log,
  });
  log({ event: 'listening', url: simulator.url });
  const stop = (): void => void simulator.close().then(() => log({ event: 'stopped' }));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

main().catch((error: unknown) => {
  log({ event: 'failed', error: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
});
