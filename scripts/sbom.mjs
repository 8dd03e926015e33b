/** `npm run sbom`: writes dist/sbom.json, the packages that are delivered, as CycloneDX. Needs no network. */
import { mkdirSync } from 'node:fs';
import { writeAtomic } from './lib/files.mjs';
import { inRoot, ROOT } from './lib/paths.mjs';
import { run } from './lib/processes.mjs';
import { Failure, runMain, say } from './lib/terminal.mjs';

await runMain(async () => {
  const words = ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev'];
  const text = (await run('npm', words, { cwd: ROOT })).toString('utf8');
  const { bomFormat, components } = JSON.parse(text);
  if (bomFormat !== 'CycloneDX' || components.length === 0) throw new Failure('npm made no list of packages.');
  mkdirSync(inRoot('dist'), { recursive: true });
  writeAtomic(inRoot('dist', 'sbom.json'), text);
  say(`Wrote dist/sbom.json: ${components.length} packages.`);
});
