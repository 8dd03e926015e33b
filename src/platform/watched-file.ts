import { readFileSync } from 'node:fs';

/**
 * A file that may change while the process runs: a mounted secret. Its text is compared, not its time, so that no way of
 * replacing it (rename, link, write in place) is missed.
 */
export interface WatchedFile {
  /** Looks now, without waiting for the next round. */
  readonly look: () => void;
  readonly stop: () => void;
}

/** What becomes of a change. */
export interface FileChange {
  /** Takes the new text. Throws when it can not be used: what was taken before stays, and the file is not complained of again until it changes. */
  readonly take: (text: string) => void;
  /** Told once for each change that could not be read or used. */
  readonly onFailure: (error: unknown) => void;
}

/** What could not be read has no text. */
type Seen = string | undefined;

/** Watches a file. Its text of this moment is taken at once: it may have changed since somebody read it. */
export function watchFile(path: string, intervalMs: number, { take, onFailure }: FileChange): WatchedFile {
  let seen: Seen;
  let isFirst = true;
  const look = (): void => {
    const { text, error } = tryRead(path);
    if (text === seen && !isFirst) return;
    [seen, isFirst] = [text, false];
    try {
      if (text === undefined) throw error;
      take(text.trim());
    } catch (problem) {
      onFailure(problem);
    }
  };
  look();
  const timer = setInterval(look, intervalMs);
  timer.unref();
  return { look, stop: () => clearInterval(timer) };
}

function tryRead(path: string): { readonly text: Seen; readonly error?: unknown } {
  try {
    return { text: readFileSync(path, 'utf8') };
  } catch (error) {
    return { text: undefined, error };
  }
}
