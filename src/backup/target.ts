import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * The backup target: a directory, such as a mounted object storage or another machine's disk. What has a name there is whole: it
 * is written under another one, brought to the disk, and renamed.
 *
 *   fulls/<id>/manifest, dump.sql.gz.sealed, accounts.json.sealed
 *   drills/<id>
 *   streams/<id>/stream, state, <log file>/<start>-<end>.gz.sealed, <log file>/end
 */
export interface Target {
  readonly directory: string;
}

const DRAFT = '.draft';

/** Where things are in a target, relative to it; the place that a file is sealed for. */
export const PLACES = {
  fulls: 'fulls',
  full: (id: string): string => join('fulls', id),
  manifest: (id: string): string => join('fulls', id, 'manifest'),
  drills: 'drills',
  drill: (id: string): string => join('drills', id),
  streams: 'streams',
  stream: (id: string): string => join('streams', id),
  streamStart: (id: string): string => join('streams', id, 'stream'),
  streamState: (id: string): string => join('streams', id, 'state'),
  logFile: (id: string, file: string): string => join('streams', id, file),
  logFileEnd: (id: string, file: string): string => join('streams', id, file, 'end'),
} as const;

/** The path of a place. */
export function pathIn(target: Target, place: string): string {
  return join(target.directory, place);
}

/** A new name that sorts by time: 20261126T100527123Z. */
export function nameAt(instant: Date): string {
  return instant.toISOString().replaceAll(/[-:.]/g, '');
}

async function withHandle<Result>(
  path: string,
  flags: string,
  use: (handle: FileHandle) => Promise<Result>,
): Promise<Result> {
  const handle = await open(path, flags, 0o600);
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

/** Brings a directory's names to the disk; a target that can not (some network file systems) keeps them by itself. */
async function syncDirectory(path: string): Promise<void> {
  await withHandle(path, 'r', (handle) =>
    handle.sync().catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EINVAL' && error.code !== 'EISDIR' && error.code !== 'ENOTSUP') throw error;
    }),
  );
}

/** Where a file or a directory is made before it has its name. */
export function draftOf(path: string): string {
  return `${path}${DRAFT}`;
}

/** Gives a draft its name, for good. */
export async function publish(path: string): Promise<void> {
  await rename(draftOf(path), path);
  await syncDirectory(dirname(path));
}

/**
 * Makes a file whole or not at all, replacing one of that name. Its draft is this writer's own: should two processes ever write
 * the same file, the one that ends last has written all of it.
 */
export async function makeDurably(path: string, write: (draft: string) => Promise<void>): Promise<void> {
  const draft = draftOf(`${path}.${randomBytes(4).toString('hex')}`);
  try {
    await write(draft);
    await syncFile(draft);
    await rename(draft, path);
  } catch (error) {
    await remove(draft);
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** The same for a small file. */
export function writeDurably(path: string, content: string | Buffer): Promise<void> {
  return makeDurably(path, (draft) => writeFile(draft, content, { mode: 0o600 }));
}

/** Brings a file that a stream has written to the disk. */
export function syncFile(path: string): Promise<void> {
  return withHandle(path, 'r+', (handle) => handle.sync());
}

/** Makes a directory that only we may use, with those above it. */
export async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await syncDirectory(dirname(path));
}

/** Removes a file or a directory with all that is in it; nothing when it is gone already. */
export function remove(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true });
}

/** Takes a directory's name away at once, then what is in it: nobody ever finds half of it under its name. */
export async function withdraw(path: string): Promise<void> {
  await rename(path, draftOf(path));
  await remove(draftOf(path));
}

function isAbsent(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

/** Names in a directory, sorted, without drafts; none when there is no directory. */
export async function namesIn(path: string): Promise<readonly string[]> {
  try {
    return (await readdir(path)).filter((name) => !name.endsWith(DRAFT)).sort();
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/** A small file's text, or undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** The length of a file in bytes, or undefined when there is none. */
export async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
