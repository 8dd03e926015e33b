/**
 * `npm run bench [-- options]`: prepares the clone, starts an empty MariaDB and Redis, runs the benchmark on them and
 * stops both. bench/README.md lists the options and says what the figures mean.
 */
import { writeAtomic } from './lib/files.mjs';
import { ROOT, STATE_DIRECTORIES, inRoot } from './lib/paths.mjs';
import { prepareAll } from './lib/prepare.mjs';
import { runInForeground } from './lib/processes.mjs';
import { describeBenchInfrastructure } from './lib/stack/bench-infrastructure.mjs';
import { withScratchInfrastructure } from './lib/stack/scratch-infrastructure.mjs';
import { catchSignals, leaveStdoutAlone, runMain } from './lib/terminal.mjs';

/**
 * The same for every variant. Durability stays as it is: the binary log, sync_binlog=1 and a flush at every commit. The
 * redo log is large enough that no variant waits for checkpoints; the runner loads its users through LOCAL INFILE. A log
 * that is drawn from evenly touches one row a page, so small pages keep four times as many users in the same pool.
 */
const MARIADB_ARGUMENTS = [
  '--innodb-buffer-pool-size=512M',
  '--innodb-log-file-size=1G',
  '--innodb-page-size=4k',
  '--local-infile=ON',
];

await runMain(async (benchArguments) => {
  if (benchArguments.includes('--json')) leaveStdoutAlone();
  const { signal } = catchSignals();
  await prepareAll();
  const work = (stack, pids) => {
    const file = stack.within('infra.json');
    writeAtomic(file, `${JSON.stringify(describeBenchInfrastructure(stack, pids), null, 2)}\n`, 0o600);
    const words = ['--enable-source-maps', inRoot('dist', 'bench', 'main.js'), file, ...benchArguments];
    return runInForeground(process.execPath, words, { cwd: ROOT, signal });
  };
  return withScratchInfrastructure(STATE_DIRECTORIES.bench, work, { mariadbArguments: MARIADB_ARGUMENTS });
});
