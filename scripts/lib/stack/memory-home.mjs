/**
 * The data of a MariaDB that is for one run of tests lives in memory where there is room: what a test run waits for most is the
 * disk, and nobody wants its data afterwards. Nothing that tests prove is lost by it: a server that is killed -9 leaves what it
 * wrote to the system, in memory as on a disk, and what a power cut leaves no test can see.
 */
import { mkdtempSync, readlinkSync, rmSync, statfsSync, symlinkSync } from 'node:fs';
import os from 'node:os';

const PREFIX = '/dev/shm/billing-guard-';
/** More than four times what a run of all tests was seen to need (1.7 GiB). */
const ROOM_BYTES = 8 * 2 ** 30;

function hasRoom() {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm');
    return Math.min(bavail * bsize, os.freemem()) >= ROOM_BYTES;
  } catch {
    return false;
  }
}

/** Makes the directory's name lead into memory. Does nothing where there is no room. */
export function makeMemoryHome(directory) {
  if (hasRoom()) symlinkSync(mkdtempSync(PREFIX), directory);
}

/** Removes a directory, and what its name leads to if that is in memory. */
export function removeHome(directory) {
  const target = targetOf(directory);
  if (target?.startsWith(PREFIX)) rmSync(target, { recursive: true, force: true });
  rmSync(directory, { recursive: true, force: true });
}

function targetOf(directory) {
  try {
    return readlinkSync(directory);
  } catch {
    return undefined;
  }
}
