/**
 * `npm run bench:review -- --orders N --logs N`: starts an empty MariaDB and Redis, fills a database of that size and measures
 * `billing audit review` on it. bench/README.md says what the figures mean.
 */
import { writeAtomic } from './lib/files.mjs';
import { ROOT, STATE_DIRECTORIES, inRoot } from './lib/paths.mjs';
import { prepareAll } from './lib/prepare.mjs';
import { runInForeground } from './lib/processes.mjs';
import { describeBenchInfrastructure } from './lib/stack/bench-infrastructure.mjs';
import { withScratchInfrastructure } from './lib/stack/scratch-infrastructure.mjs';
import { catchSignals, runMain } from './lib/terminal.mjs';

/** Much less than the database has, as it would be in production; the filling goes through LOCAL INFILE. */
const MARIADB_ARGUMENTS = ['--innodb-buffer-pool-size=1G', '--innodb-log-file-size=1G', '--local-infile=ON'];

await runMain(async (words) => {
  const { signal } = catchSignals();
  await prepareAll();
  const work = (stack, pids) => {
    const file = stack.within('infra.json');
    writeAtomic(file, `${JSON.stringify(describeBenchInfrastructure(stack, pids), null, 2)}\n`, 0o600);
    const script = inRoot('dist', 'bench', 'review', 'main.js');
    return runInForeground(process.execPath, ['--enable-source-maps', script, file, ...words], { cwd: ROOT, signal });
  };
  return withScratchInfrastructure(STATE_DIRECTORIES.bench, work, { mariadbArguments: MARIADB_ARGUMENTS });
});
