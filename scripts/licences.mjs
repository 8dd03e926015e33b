/** `npm run licences`: every package of the lock file has a licence that we may use, or this fails and names it. */
import { readFileSync } from 'node:fs';
import { inRoot } from './lib/paths.mjs';
import { judgeLicences } from './lib/supply/licences.mjs';
import { Failure, runMain, say, sayTable } from './lib/terminal.mjs';

await runMain(async () => {
  const { counts, refused } = judgeLicences(JSON.parse(readFileSync(inRoot('package-lock.json'), 'utf8')));
  sayTable([...counts].sort(([, a], [, b]) => b - a).map(([licence, count]) => [licence || '(none)', String(count)]));
  if (refused.length > 0) throw new Failure(`Licences that nobody allowed:\n  ${refused.join('\n  ')}`);
  say('Every licence is allowed (scripts/lib/supply/licences.mjs).');
});
