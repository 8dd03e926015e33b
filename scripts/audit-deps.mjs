/**
 * `npm run audit:deps`: asks the registry for known vulnerabilities of what is delivered; high and critical ones fail. A registry
 * that has no such endpoint (a mirror answers 405) is no proof of anything: the step is skipped, and says so loudly.
 */
import { spawnSync } from 'node:child_process';
import { ROOT } from './lib/paths.mjs';
import { judgeAudit } from './lib/supply/advisories.mjs';
import { Failure, runMain, say } from './lib/terminal.mjs';

const TIMEOUT_MS = 60_000;

await runMain(async () => {
  const words = ['audit', '--omit=dev', '--json', '--audit-level=none'];
  const { stdout } = spawnSync('npm', words, { cwd: ROOT, encoding: 'utf8', timeout: TIMEOUT_MS });
  const { unknown, failing = [], others = [] } = judgeAudit(stdout ?? '');
  if (unknown !== undefined) {
    say('!!! SKIPPED: the packages were NOT checked for known vulnerabilities.');
    say(`!!! ${unknown}`);
    say('!!! Run `npm run audit:deps` where the registry can be asked before a release.');
    return;
  }
  for (const line of others) say(`  ${line}`);
  if (failing.length > 0) throw new Failure(`Known vulnerabilities in what is delivered:\n  ${failing.join('\n  ')}`);
  say('No package that is delivered has a known vulnerability of severity high or critical.');
});
