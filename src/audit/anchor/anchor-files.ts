import { open, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { anchorFileText, anchorName, readAnchorText, type AnchorDocument, type SignedAnchor } from './anchor-document';

/**
 * The directory of anchors. For each: `anchor-NNNNNNNN-TIME.json`, and beside it `….leaves.gz`. A file is there whole or
 * not at all, and durable before anybody is told of it.
 */

const ANCHOR_FILE = /^anchor-\d{8,15}-\d{8}T\d{9}Z\.json$/;

/** Reading for those who look after the service; it holds ids of users. */
const FILE_MODE = 0o640;

/** Where an anchor is. */
export const anchorPath = (dir: string, anchor: Pick<AnchorDocument, 'number' | 'time'>): string =>
  join(dir, `${anchorName(anchor)}.json`);

/** Where its leaves are. */
export const leavesPath = (dir: string, anchor: Pick<AnchorDocument, 'number' | 'time'>): string =>
  join(dir, `${anchorName(anchor)}.leaves.gz`);

/** The names of the anchors in a directory, in order of number and time. */
export async function listAnchorFiles(dir: string): Promise<readonly string[]> {
  const names = (await readdir(dir)).filter((name) => ANCHOR_FILE.test(name));
  return names.sort((first, second) => numberOf(first) - numberOf(second) || (first < second ? -1 : 1));
}

function numberOf(name: string): number {
  return Number(name.split('-')[1]);
}

/** Reads an anchor. Throws NotAnAnchor, and what the file system says. */
export async function readAnchorFile(path: string): Promise<SignedAnchor> {
  return readAnchorText(await readFile(path, 'utf8'));
}

/** Writes an anchor, unless it is there already. */
export async function writeAnchorFile(dir: string, signed: SignedAnchor): Promise<void> {
  const path = anchorPath(dir, signed.anchor);
  const text = anchorFileText(signed);
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return;
  const draft = `${path}.part`;
  const file = await open(draft, 'w', FILE_MODE);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await publish(draft, path, dir);
}

/** Gives a finished file its name, for good: the directory is synced, too. */
export async function publish(draft: string, path: string, dir: string): Promise<void> {
  await rename(draft, path);
  const directory = await open(dir, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
