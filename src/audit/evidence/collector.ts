import { createHash } from 'node:crypto';
import { CONTENT_BYTES_MAX } from './archive';
import { evidenceErrors } from './evidence.errors';
import { jsonLine, ROWS_MAX, type Row } from './read-rows';
import type { Manifest } from './manifest';
import type { ArchiveFile } from './tar';

/** Characters that are turned into bytes, and hashed, at a time. */
const PART_CHARACTERS = 65_536;

/** A file while it grows: what is large is never hashed at one go, nor held as text. */
class GrowingFile {
  rows = 0;
  private readonly hash = createHash('sha256');
  private readonly parts: Buffer[] = [];
  private waiting = '';

  add(text: string): void {
    this.waiting += text;
    if (this.waiting.length >= PART_CHARACTERS) this.flush();
  }

  /** All of it, once. */
  finish(): { readonly content: Buffer; readonly sha256: string } {
    this.flush();
    return { content: Buffer.concat(this.parts.splice(0)), sha256: this.hash.digest('hex') };
  }

  private flush(): void {
    const part = Buffer.from(this.waiting, 'utf8');
    this.waiting = '';
    this.hash.update(part);
    this.parts.push(part);
  }
}

/** The files of an archive as they grow. Throws EVIDENCE_TOO_LARGE as soon as they are more than an archive may hold. */
export class Collector {
  private readonly files = new Map<string, GrowingFile>();
  private readonly texts = new Set<string>();
  private bytes = 0;

  /** A file of rows, which is there even when nothing is added to it. */
  open(path: string): void {
    this.fileAt(path);
  }

  /** Adds rows to a file, a line each. */
  rows(path: string, rows: readonly Row[]): void {
    if (rows.length > ROWS_MAX) throw evidenceErrors.EVIDENCE_TOO_LARGE();
    const file = this.fileAt(path);
    for (const row of rows) {
      this.add(file, jsonLine(row));
      file.rows += 1;
    }
  }

  /** A file that is a text of its own. */
  text(path: string, content: string): void {
    this.texts.add(path);
    this.add(this.fileAt(path), content);
  }

  private fileAt(path: string): GrowingFile {
    const file = this.files.get(path) ?? new GrowingFile();
    this.files.set(path, file);
    return file;
  }

  private add(file: GrowingFile, content: string): void {
    this.bytes += Buffer.byteLength(content);
    if (this.bytes > CONTENT_BYTES_MAX)
      throw evidenceErrors.EVIDENCE_TOO_LARGE({ metadata: { most: String(CONTENT_BYTES_MAX) } });
    file.add(content);
  }

  /** Everything, in the order of the paths, and how the manifest lists it. */
  finish(): { readonly files: readonly ArchiveFile[]; readonly listed: Manifest['files'] } {
    const entries = [...this.files]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([path, file]) => ({ path, rows: file.rows, ...file.finish() }));
    const listed = entries.map(({ path, content, rows, sha256 }) => ({
      path,
      bytes: content.length,
      ...(this.texts.has(path) ? {} : { rows }),
      sha256,
    }));
    return { files: entries.map(({ path, content }) => ({ path, content })), listed };
  }
}
