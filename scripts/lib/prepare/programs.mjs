/** The system's programs that the local stack needs, installed with apt-get where that is possible. */
import { accessSync, constants, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readIfThere } from '../files.mjs';
import { run } from '../processes.mjs';
import { catchSignals, Failure, step } from '../terminal.mjs';

const PROGRAMS = [
  'mariadbd',
  'mariadb-install-db',
  'mariadb',
  'mariadb-dump',
  'mariadb-binlog',
  'redis-server',
  'openssl',
];
const PACKAGES = ['mariadb-server', 'redis-server', 'openssl'];
const POLICY = '/usr/sbin/policy-rc.d';
const POLICY_TEXT = '#!/bin/sh\n# Made by the billing-guard launcher while it installs packages.\nexit 101\n';

/** Absolute path of a program, or undefined. Servers live in sbin, which an ordinary user's PATH leaves out. */
function locate(name) {
  const directories = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  for (const directory of directories.filter((entry) => entry !== '')) {
    try {
      accessSync(path.join(directory, name), constants.X_OK);
      return path.join(directory, name);
    } catch {
      // Not here: the next directory may have it.
    }
  }
  return undefined;
}

/** Whether a program is there. */
export function isInstalled(name) {
  return locate(name) !== undefined;
}

/** Absolute path of a program that was made sure of. */
export function programPath(name) {
  const found = locate(name);
  if (found === undefined) throw new Failure(`The program ${name} is missing.`);
  return found;
}

/** Keeps apt-get from starting the machine's own MariaDB and Redis, unless the machine has a policy of its own. */
async function withoutStartingServices(work) {
  const theirs = readIfThere(POLICY);
  const isOurs = theirs === undefined || theirs === POLICY_TEXT;
  if (isOurs) writeFileSync(POLICY, POLICY_TEXT, { mode: 0o755 });
  try {
    return await work();
  } finally {
    if (isOurs) rmSync(POLICY, { force: true });
  }
}

async function installWithApt(packages) {
  // An interruption ends apt-get first, then the policy file is removed: the launcher itself must not die between.
  const { signal, release } = catchSignals();
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...words) => run('apt-get', ['-o', 'DPkg::Lock::Timeout=300', ...words], { env });
  await withoutStartingServices(async () => {
    await run('dpkg', ['--configure', '-a'], { env });
    // A broken third-party source must not stop us; whether our packages are to be had is seen in the next line.
    await apt('update').catch(() => undefined);
    await apt('install', '-y', '--no-install-recommends', ...packages);
  });
  release();
  if (signal.aborted) throw new Failure('Interrupted.');
}

/** Installs packages with apt-get where we may; elsewhere it does nothing, and the caller says what is missing. */
export async function installDebianPackages(packages) {
  if (process.getuid() !== 0 || locate('apt-get') === undefined) return;
  await step(`Installing ${packages.join(', ')} with apt-get`, () => installWithApt(packages), { isLong: true });
}

/** Makes sure every program is there, or says once what is to be installed. */
export async function installPrograms() {
  const missing = () => PROGRAMS.filter((name) => !isInstalled(name));
  if (missing().length === 0) return;
  await installDebianPackages(PACKAGES);
  if (missing().length > 0) {
    throw new Failure(
      `These programs are missing: ${missing().join(', ')}.\n` +
        `Install MariaDB 10.6 or later, Redis 6.2 or later and OpenSSL (Debian/Ubuntu: apt-get install ${PACKAGES.join(' ')}).`,
    );
  }
}
