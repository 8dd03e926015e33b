import { sha256 } from '../../platform/crypto/sha256';
import { CONTENT_BYTES_MAX } from './archive';
import { evidenceErrors } from './evidence.errors';
import { jsonLine, ROWS_MAX, type Row } from './read-rows';
import type { Manifest } from './manifest';
import type { ArchiveFile } from './tar';

/** The files of an archive as they grow. Throws EVIDENCE_TOO_LARGE as soon as they are more than an archive may hold. */
export class Collector {
  private readonly lines = new Map<string, string[]>();
  private readonly texts = new Map<string, string>();
  private bytes = 0;

  /** A file of rows, which is there even when nothing is added to it. */
  open(path: string): void {
    if (!this.lines.has(path)) this.lines.set(path, []);
  }

  /** Adds rows to a file, a line each. */
  rows(path: string, rows: readonly Row[]): void {
    if (rows.length > ROWS_MAX) throw evidenceErrors.EVIDENCE_TOO_LARGE();
    this.open(path);
    const lines = this.lines.get(path);
    for (const row of rows) {
      const line = jsonLine(row);
      this.count(line);
      lines?.push(line);
    }
  }

  /** A file that is a text of its own. */
  text(path: string, content: string): void {
    this.count(content);
    this.texts.set(path, content);
  }

  private count(content: string): void {
    this.bytes += Buffer.byteLength(content);
    if (this.bytes > CONTENT_BYTES_MAX)
      throw evidenceErrors.EVIDENCE_TOO_LARGE({ metadata: { most: String(CONTENT_BYTES_MAX) } });
  }

  /** Everything so far, in the order of the paths, and how the manifest lists it. */
  finish(): { readonly files: readonly ArchiveFile[]; readonly listed: Manifest['files'] } {
    const entries = [
      ...[...this.lines].map(([path, lines]) => ({ path, content: Buffer.from(lines.join('')), rows: lines.length })),
      ...[...this.texts].map(([path, text]) => ({ path, content: Buffer.from(text), rows: undefined })),
    ].sort((a, b) => (a.path < b.path ? -1 : 1));
    const listed = entries.map(({ path, content, rows }) => ({
      path,
      bytes: content.length,
      ...(rows === undefined ? {} : { rows }),
      sha256: sha256(content).toString('hex'),
    }));
    return { files: entries.map(({ path, content }) => ({ path, content })), listed };
  }
}
