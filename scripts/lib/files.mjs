/** Files that survive a crash half-way: everything here is written whole or not at all. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Replaces a file in one step. The mode is there before the content is, so a secret is never readable by others. */
export function writeAtomic(file, content, mode = 0o644) {
  mkdirSync(path.dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}.new`;
  rmSync(draft, { force: true });
  writeFileSync(draft, content, { mode });
  renameSync(draft, file);
}

/** The content of a file, or undefined when there is none. */
export function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** The value of a JSON file, or undefined when there is none or a crash left something that is not JSON. */
export function readJsonIfThere(file) {
  try {
    return JSON.parse(readIfThere(file) ?? '');
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Every file below a path (or the path itself when it is a file), sorted; nothing when there is none. */
export function filesBelow(start) {
  if (!existsSync(start)) return [];
  if (!statSync(start).isDirectory()) return [start];
  return readdirSync(start, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/**
 * SHA-256 over names and contents of the files below the given paths that have one of the extensions (all files when
 * none is given), and over the given words.
 */
export function hashOf(root, starts, { words = [], extensions } = {}) {
  const hash = createHash('sha256');
  for (const word of words) hash.update(`${word}\0`);
  const files = starts.flatMap((start) => filesBelow(path.join(root, start)));
  for (const file of files.filter((name) => extensions === undefined || extensions.includes(path.extname(name)))) {
    const content = readFileSync(file);
    hash.update(`${path.relative(root, file)}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/** Makes room for a new log: the one of the last run becomes `<name>.1`. */
export function rotateLog(file) {
  mkdirSync(path.dirname(file), { recursive: true });
  if (existsSync(file) && statSync(file).size > 0) renameSync(file, `${file}.1`);
}

/** The last lines of a log, for an error message. */
export function tailOf(file, lineCount = 30) {
  const lines = (readIfThere(file) ?? '').trimEnd().split('\n');
  return lines.slice(-lineCount).join('\n');
}
