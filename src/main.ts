import { setFlagsFromString } from 'node:v8';
import closeWithGrace from 'close-with-grace';
import { loadConfig, type Config } from './platform/config';
import { createLogger } from './platform/log';
import { ConfigError } from './platform/read-settings';
import { startService } from './service';

/**
 * Left alone, V8 lets garbage grow to a multiple of what is alive where a machine has much memory: under batches of a
 * thousand items the process took twice the memory for a few per cent of speed. Now it collects when the heap has doubled.
 */
const HEAP_GROWTH = '--heap-growing-percent=100';

/** Production entry point: configuration from the environment only, JSON logs, graceful on SIGTERM and SIGINT. */
async function main(): Promise<void> {
  setFlagsFromString(HEAP_GROWTH);
  const config = readConfigOrExit();
  const log = createLogger({ level: config.LOG_LEVEL, role: config.BILLING_ROLE });
  const service = await startService(config, log);
  log.info({ ...service.ports, env: config.BILLING_ENV }, 'billing-guard is up');
  const hardLimitMs = config.DRAIN_TIMEOUT_MS + config.DRAIN_NOTICE_MS;
  closeWithGrace({ delay: hardLimitMs, logger: false }, async ({ signal, err }) => {
    if (err === undefined) log.info({ signal }, 'shutting down');
    else log.fatal({ err }, 'shutting down after a fault that nobody caught');
    await service.stop();
    log.info({}, 'stopped');
  });
}

function readConfigOrExit(): Config {
  try {
    return loadConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\nREADME.md, "Configuration", lists every setting.\n`);
    process.exit(78);
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`billing-guard could not start: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
