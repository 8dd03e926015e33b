import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/**
 * An append-only file of JSON lines. A record is handed to the operating system before append() returns, so it survives
 * kill -9 of this process; a last line torn by such a kill is dropped, as nothing was answered on its strength.
 */
export class Journal {
  private readonly path: string;
  private descriptor: number | undefined;

  constructor(stateDir: string) {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    this.path = join(stateDir, 'journal.jsonl');
  }

  /** @throws SyntaxError when any line but the last is damaged. */
  read(): unknown[] {
    if (!existsSync(this.path)) return [];
    const lines = readFileSync(this.path, 'utf8').split('\n');
    // What follows the last line end is empty or torn.
    lines.pop();
    return lines.map((line) => JSON.parse(line) as unknown);
  }

  /** Replaces the file by these records in one step and opens it for appending; call it once, before append(). */
  restart(records: Iterable<unknown>): void {
    const fresh = `${this.path}.new`;
    writeFileSync(fresh, Array.from(records, line).join(''), { mode: 0o600 });
    renameSync(fresh, this.path);
    this.descriptor = openSync(this.path, 'a');
  }

  append(record: unknown): void {
    if (this.descriptor === undefined) throw new Error('The journal is not open.');
    appendFileSync(this.descriptor, line(record));
  }

  close(): void {
    if (this.descriptor !== undefined) closeSync(this.descriptor);
    this.descriptor = undefined;
  }
}

function line(record: unknown): string {
  return `${JSON.stringify(record)}\n`;
}
