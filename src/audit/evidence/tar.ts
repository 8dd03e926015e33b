import assert from 'node:assert';

/**
 * A tar archive (POSIX ustar) of plain files with short names: what an exported evidence needs, and nothing else. The same
 * files give the same bytes: no owner, no mode but 0644, no time but the one that is given. Pure.
 */

/** A file of an archive. */
export interface ArchiveFile {
  /** Relative, ASCII, at most 100 characters. */
  readonly path: string;
  readonly content: Buffer;
}

const BLOCK = 512;
const PATH_MAX = 100;
const PATH = /^[a-z0-9][a-z0-9_.-]*(?:\/[a-z0-9][a-z0-9_.-]*)*$/i;

/** Where the fields of a header stand that a reader needs. */
const NAME_END = 100;
const SIZE = { start: 124, length: 12 };
const CHECKSUM = { start: 148, length: 8 };
const TYPE = 156;
const MAGIC = { start: 257, text: 'ustar\0' + '00' };

/** A number as tar writes it: octal digits, ended by a NUL. */
function octal(value: number, length: number): string {
  return `${value.toString(8).padStart(length - 1, '0')}\0`;
}

function checksumOf(header: Buffer): number {
  let sum = 0;
  for (let i = 0; i < BLOCK; i += 1) {
    const isChecksum = i >= CHECKSUM.start && i < CHECKSUM.start + CHECKSUM.length;
    sum += isChecksum ? 0x20 : (header[i] ?? 0);
  }
  return sum;
}

function headerOf({ path, content }: ArchiveFile, time: Date): Buffer {
  assert(PATH.test(path) && path.length <= PATH_MAX, `not a path of an archive: ${path}`);
  const header = Buffer.alloc(BLOCK);
  header.write(path, 0, 'ascii');
  header.write(octal(0o644, 8), 100, 'ascii');
  header.write(octal(0, 8), 108, 'ascii');
  header.write(octal(0, 8), 116, 'ascii');
  header.write(octal(content.length, SIZE.length), SIZE.start, 'ascii');
  header.write(octal(Math.floor(time.getTime() / 1_000), 12), 136, 'ascii');
  header.write('0', TYPE, 'ascii');
  header.write(MAGIC.text, MAGIC.start, 'ascii');
  header.write(`${octal(checksumOf(header), 7)} `, CHECKSUM.start, 'ascii');
  return header;
}

function paddingOf(length: number): Buffer {
  return Buffer.alloc((BLOCK - (length % BLOCK)) % BLOCK);
}

/** Writes an archive. */
export function writeTar(files: readonly ArchiveFile[], time: Date): Buffer {
  const parts = files.flatMap((file) => [headerOf(file, time), file.content, paddingOf(file.content.length)]);
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

/** An archive that is not one of ours. */
export class MalformedArchive extends Error {
  constructor(what: string) {
    super(`This is no archive of evidence: ${what}.`);
    this.name = 'MalformedArchive';
  }
}

function readHeader(header: Buffer): { readonly path: string; readonly size: number } {
  const end = header.indexOf(0);
  const path = header.toString('latin1', 0, Math.min(end === -1 ? NAME_END : end, NAME_END));
  const digits = (field: { readonly start: number; readonly length: number }): string =>
    header.toString('latin1', field.start, field.start + field.length).replace(/[\0 ]+$/, '');
  const isOurs = header.toString('latin1', MAGIC.start, MAGIC.start + MAGIC.text.length) === MAGIC.text;
  if (!isOurs || header[TYPE] !== 0x30 || !PATH.test(path))
    throw new MalformedArchive('it holds more than plain files');
  if (!/^[0-7]{1,11}$/.test(digits(SIZE)) || !/^[0-7]{1,7}$/.test(digits(CHECKSUM))) {
    throw new MalformedArchive('a header is broken');
  }
  if (Number.parseInt(digits(CHECKSUM), 8) !== checksumOf(header)) throw new MalformedArchive('a header is broken');
  return { path, size: Number.parseInt(digits(SIZE), 8) };
}

/** Reads an archive that `writeTar` wrote; links, directories, doubled names and what stands behind the end are refused. */
export function readTar(archive: Buffer): readonly ArchiveFile[] {
  const files = new Map<string, ArchiveFile>();
  let at = 0;
  for (;;) {
    const header = archive.subarray(at, at + BLOCK);
    if (header.length < BLOCK) throw new MalformedArchive('it was cut off');
    at += BLOCK;
    if (header.every((byte) => byte === 0)) break;
    const { path, size } = readHeader(header);
    const content = archive.subarray(at, at + size);
    if (content.length < size) throw new MalformedArchive('it was cut off');
    if (files.has(path)) throw new MalformedArchive(`${path} is there twice`);
    files.set(path, { path, content });
    at += size + paddingOf(size).length;
  }
  const rest = archive.subarray(at);
  if (rest.length !== BLOCK || !rest.every((byte) => byte === 0))
    throw new MalformedArchive('something follows its end');
  return [...files.values()];
}
