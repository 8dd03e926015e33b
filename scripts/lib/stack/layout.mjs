/** The directory that holds all state of one local stack, its version, its ports and its secrets. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import { readIfThere, readJsonIfThere, writeAtomic } from '../files.mjs';
import { STATE_DIRECTORIES } from '../paths.mjs';
import { findProcesses, stopProcesses } from '../processes.mjs';
import { say } from '../terminal.mjs';

/** Changes whenever a launcher can not use what an earlier one left. */
const LAYOUT_VERSION = '2';

/** Names inside a state directory that are no part of its own layout. */
function isApart(directory, name) {
  return name.startsWith('old-') || Object.values(STATE_DIRECTORIES).includes(path.join(directory, name));
}

/** Whether an argument list is that of a program working on this state directory. */
function worksOn(directory, argv) {
  const isProgram = /(^|\/)(mariadbd|mysqld|redis-server|node)( |$)/.test(argv[0] ?? '');
  const isApartPath = (argument) => {
    const name = argument.split(`${directory}/`)[1]?.split('/')[0];
    return name === undefined || isApart(directory, name);
  };
  return isProgram && argv.some((argument) => !isApartPath(argument));
}

/** Moves a layout we do not know out of the way, data and all, after stopping what still runs on it. */
async function moveAside(directory, names) {
  await stopProcesses(
    findProcesses((argv) => worksOn(directory, argv)),
    10_000,
  );
  let number = 1;
  while (existsSync(path.join(directory, `old-${number}`))) number += 1;
  const target = path.join(directory, `old-${number}`);
  mkdirSync(target, { mode: 0o700 });
  for (const name of names) renameSync(path.join(directory, name), path.join(target, name));
  say(`${directory} was written by another version: its content is now in ${target}; a new one is made.`);
}

async function settleVersion(directory) {
  mkdirSync(directory, { recursive: true });
  const versionFile = path.join(directory, 'VERSION');
  if (readIfThere(versionFile)?.trim() === LAYOUT_VERSION) return;
  const names = readdirSync(directory).filter((name) => !isApart(directory, name));
  if (names.length > 0) await moveAside(directory, names);
  writeAtomic(versionFile, `${LAYOUT_VERSION}\n`);
}

function secret() {
  return randomBytes(24).toString('base64url');
}

/** Generated once per state directory; what a later version adds is added to an earlier file. */
function settleSecrets(file) {
  const made = {
    databaseRoot: secret(),
    databaseMigrate: secret(),
    databaseApp: secret(),
    databaseReport: secret(),
    databaseBackup: secret(),
    redis: secret(),
    dataKeys: `k1:${randomBytes(32).toString('base64')}`,
    identityIndexKey: randomBytes(32).toString('base64'),
    backupKey: randomBytes(32).toString('base64'),
    auditSigningKey: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
  const before = readJsonIfThere(file) ?? {};
  const secrets = { ...made, ...before };
  if (Object.keys(made).some((name) => before[name] === undefined)) {
    writeAtomic(file, `${JSON.stringify(secrets, null, 2)}\n`, 0o600);
  }
  return secrets;
}

/** A stack that may be looked at and stopped, whatever its layout; it is not changed by this. */
export function existingStack(directory) {
  const within = (...names) => path.join(directory, ...names);
  const stateFile = within('state.json');
  const stack = {
    directory,
    within,
    state: { ports: {}, ...readJsonIfThere(stateFile) },
    saveState(changes) {
      stack.state = { ...stack.state, ...changes };
      writeAtomic(stateFile, `${JSON.stringify(stack.state, null, 2)}\n`);
    },
  };
  return stack;
}

/** A stack ready to be started: its directory has our layout and its secrets exist. Call under the stack's lock. */
export async function openStack(directory) {
  await settleVersion(directory);
  const stack = existingStack(directory);
  return Object.assign(stack, { secrets: settleSecrets(stack.within('secrets.json')) });
}
