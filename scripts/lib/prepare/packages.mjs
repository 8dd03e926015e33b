/** The npm packages. `npm install`, not `npm ci`: npm 11's `ci` refuses a lock whose packages for other systems a mirror lacks. */
import { existsSync, readFileSync } from 'node:fs';
import { hashOf, readIfThere, writeAtomic } from '../files.mjs';
import { ROOT, inRoot } from '../paths.mjs';
import { run } from '../processes.mjs';
import { say, step } from '../terminal.mjs';

const STAMP = inRoot('node_modules', '.billing-guard-packages');

function wanted() {
  return hashOf(ROOT, ['package.json', 'package-lock.json', '.npmrc'], { words: [process.version] });
}

/** Installs what package-lock.json says unless that was done already. No package of ours needs an install script. */
export async function installPackages() {
  if (readIfThere(STAMP) === wanted()) return;
  const lock = inRoot('package-lock.json');
  const before = existsSync(lock) ? readFileSync(lock, 'utf8') : undefined;
  const flags = ['--no-audit', '--no-fund', '--ignore-scripts', '--include=dev'];
  await step('Installing npm packages', () => run('npm', ['install', ...flags], { cwd: ROOT }), { isLong: true });
  if (before !== undefined && readFileSync(lock, 'utf8') !== before) {
    say('Warning: npm install changed package-lock.json; the versions are not those that were tested.');
  }
  writeAtomic(STAMP, wanted());
}
