import { join } from 'node:path';
import { SourceAwayError } from './backup.errors';
import { logFileNumber } from './documents';
import { connectionOf, startProgram, type ProgramSettings } from './programs';
import { namesIn, sizeOf } from './target';

/**
 * Follows the server's binary log as a replica does, from the first byte of a file on, into files of the same names in a directory
 * of ours. The database's own program does it; it writes every event as it arrives.
 */
export interface LogFollower {
  /** The files so far in the order of the log. All but the last are complete. */
  files(): Promise<readonly { readonly name: string; readonly path: string; readonly size: number }[]>;
  /** Throws when the server or the program has left. */
  check(): void;
  stop(): void;
}

export interface FollowParts {
  readonly databaseUrl: string;
  readonly programs: ProgramSettings;
  /** A directory that is there for this follower only. */
  readonly directory: string;
  readonly firstFile: string;
}

/** Starts to follow. */
export function followLog({ databaseUrl, programs, directory, firstFile }: FollowParts): LogFollower {
  const { words, environment } = connectionOf(databaseUrl);
  const following = ['--read-from-remote-server', '--raw', '--stop-never', `--result-file=${directory}/`, firstFile];
  const program = startProgram(programs, 'log', [...words, ...following], { environment });
  program.stdin.end();
  program.stdout.resume();
  let left: Error | undefined;
  const hasLeft = (cause?: unknown): void => {
    const why = cause instanceof Error ? `: ${cause.message}` : '';
    left = new SourceAwayError(`the binary log is not followed any more${why}`, cause);
  };
  program.ended.then(() => hasLeft(), hasLeft);
  return {
    files: async () => {
      const names = [...(await namesIn(directory))].sort((one, other) => logFileNumber(one) - logFileNumber(other));
      const paths = names.map((name) => ({ name, path: join(directory, name) }));
      return Promise.all(paths.map(async (file) => ({ ...file, size: (await sizeOf(file.path)) ?? 0 })));
    },
    check: () => {
      if (left !== undefined) throw left;
    },
    stop: () => void program.child.kill('SIGKILL'),
  };
}
