/**
 * The system account MariaDB and Redis run under. Never root if that can be avoided: root starts them as nobody. A
 * clone below a directory that nobody may not enter (/root) is reached with the one capability that allows it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { say } from '../terminal.mjs';

const AS_NOBODY = ['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups'];
const ENTER_ANY_DIRECTORY = ['--inh-caps=-all,+dac_read_search', '--ambient-caps=-all,+dac_read_search'];

function nobody() {
  const number = (...words) => Number(execFileSync(words[0], words.slice(1), { encoding: 'utf8' }).split(':')[2]);
  return { uid: number('getent', 'passwd', 'nobody'), gid: number('getent', 'group', 'nogroup') };
}

/** Whether a program started with this prefix can read, in the directory, a file that belongs to the account. */
function canRead(prefix, probe) {
  return spawnSync(prefix[0], [...prefix.slice(1), 'cat', probe], { stdio: 'ignore' }).status === 0;
}

/** How to run as nobody in this directory, or undefined when this system does not let us. */
function asNobody(directory) {
  const probe = path.join(directory, `.probe-${process.pid}`);
  try {
    const owner = nobody();
    writeFileSync(probe, '', { mode: 0o600 });
    chownSync(probe, owner.uid, owner.gid);
    const prefix = [AS_NOBODY, [...AS_NOBODY, ...ENTER_ANY_DIRECTORY]].find((words) => canRead(words, probe));
    return prefix && { ...owner, prefix, mariadbArguments: [] };
  } catch {
    return undefined;
  } finally {
    rmSync(probe, { force: true });
  }
}

/**
 * The account for a stack in the directory: its ids, the words to put before a command line, and what mariadbd must be
 * told besides.
 */
export function chooseAccount(directory) {
  const own = { uid: process.getuid(), gid: process.getgid(), prefix: [], mariadbArguments: [] };
  if (own.uid !== 0) return own;
  const unprivileged = asNobody(directory);
  if (unprivileged !== undefined) return unprivileged;
  say('Warning: this system does not let root start programs as nobody here; MariaDB and Redis run as root.');
  return { ...own, mariadbArguments: ['--user=root'] };
}

/** The command line that runs a program under the account. */
export function commandUnder(account, program, programArguments) {
  const [command, ...rest] = [...account.prefix, program, ...programArguments];
  return { command, commandArguments: rest };
}

/** Makes a directory that only the account may use. */
export function makeOwnedDirectory(account, directory) {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chownSync(directory, account.uid, account.gid);
}

/** Writes a file that only the account may read. */
export function writeOwnedFile(account, file, content) {
  rmSync(file, { force: true });
  writeFileSync(file, content, { mode: 0o600 });
  chownSync(file, account.uid, account.gid);
}
