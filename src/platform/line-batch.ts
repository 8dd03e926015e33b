import { pino } from 'pino';

/** A line waits at most this long for others to leave with it. */
const LINE_DELAY_MS = 10;
/** So many characters do not wait. */
const BATCH_LENGTH_MAX = 8_192;

/**
 * Standard output for log lines, many at a time: a write of its own for every line costs as much as making it. Not
 * synchronous either: a call must not wait for its line. What is left is written when the process exits.
 */
export class LineBatch {
  private readonly output = pino.destination({ sync: false });
  private lines = '';
  private timer: NodeJS.Timeout | undefined;

  constructor() {
    // Before the listener of the output, which is added at 'exit' as well and writes out what it was given.
    process.prependListener('exit', () => this.release());
  }

  write(line: string): void {
    this.lines += line;
    if (this.lines.length >= BATCH_LENGTH_MAX) this.release();
    else this.timer ??= setTimeout(() => this.release(), LINE_DELAY_MS);
  }

  /** pino calls this after a fatal line. */
  flushSync(): void {
    this.release();
    this.output.flushSync();
  }

  private release(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { lines } = this;
    this.lines = '';
    if (lines !== '') this.output.write(lines);
  }
}
