/**
 * What stops a backup, a stream or a restoration, told to the operator: each message says what is wrong and what to do. No RPC
 * meets one, so they are not in docs/errors.md.
 */
export class BackupError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'BackupError';
  }
}

/** The database does not answer, or a program that talks to it has ended: the stream waits and tries again. */
export class SourceAwayError extends BackupError {
  constructor(message: string, cause?: unknown) {
    super(message, cause);
    this.name = 'SourceAwayError';
  }
}
