import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A file of this repository, read once. */
export interface Source {
  /** Relative to the root. */
  readonly path: string;
  readonly text: string;
}

/** Every TypeScript file below the directories that a person wrote; generated code is left out. */
export function readSources(directories: readonly string[]): readonly Source[] {
  return directories.flatMap((directory) =>
    readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .map((name) => join(directory, name))
      .filter((path) => path.endsWith('.ts') && !path.startsWith(join('src', 'gen')))
      .sort()
      .map((path) => ({ path, text: readFileSync(path, 'utf8') })),
  );
}
