import assert from 'node:assert';
import { fromEpochMs } from '../../platform/time';

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

/** Where the fields of a header stand. */
const SIZE = { start: 124, length: 12 };
const TIME = { start: 136, length: 12 };
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
  header.write(octal(Math.floor(time.getTime() / 1_000), TIME.length), TIME.start, 'ascii');
  header.write('0', TYPE, 'ascii');
  header.write(MAGIC.text, MAGIC.start, 'ascii');
  header.write(`${octal(checksumOf(header), 7)} `, CHECKSUM.start, 'ascii');
  return header;
}

function paddingOf(length: number): Buffer {
  return Buffer.alloc((BLOCK - (length % BLOCK)) % BLOCK);
}

/** An archive, part by part: together they are as large as all files. */
export function tarParts(files: readonly ArchiveFile[], time: Date): readonly Buffer[] {
  const parts = files.flatMap((file) => [headerOf(file, time), file.content, paddingOf(file.content.length)]);
  return [...parts, Buffer.alloc(2 * BLOCK)];
}

/** An archive that is not one of ours. */
export class MalformedArchive extends Error {
  constructor(what: string) {
    super(`This is no archive of evidence: ${what}.`);
    this.name = 'MalformedArchive';
  }
}

/** The digits of a field of a header, as a number; NaN where they are none. */
function readOctal(header: Buffer, { start, length }: typeof SIZE): number {
  const digits = header.toString('latin1', start, start + length - 1);
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

function readPath(header: Buffer): string {
  const end = header.indexOf(0);
  return header.toString('latin1', 0, end === -1 ? PATH_MAX : Math.min(end, PATH_MAX));
}

/** The files of an archive, and the time that it was written with. */
export interface ReadArchive {
  readonly files: readonly ArchiveFile[];
  readonly time: Date;
}

/**
 * Reads an archive of `tarParts`. It is written again and compared, so that links, directories, spare bytes and whatever
 * follows its end are refused without being understood: nothing can hide beside the files.
 */
export function readTar(archive: Buffer): ReadArchive {
  const files: ArchiveFile[] = [];
  const time = fromEpochMs(readOctal(archive.subarray(0, BLOCK), TIME) * 1_000);
  for (let at = 0; !archive.subarray(at, at + BLOCK).every((byte) => byte === 0);) {
    const header = archive.subarray(at, at + BLOCK);
    const [path, size] = [readPath(header), readOctal(header, SIZE)];
    if (!PATH.test(path) || !(size <= archive.length)) throw new MalformedArchive('it holds more than plain files');
    files.push({ path, content: archive.subarray(at + BLOCK, at + BLOCK + size) });
    at += BLOCK + size + paddingOf(size).length;
  }
  if (new Set(files.map(({ path }) => path)).size < files.length) throw new MalformedArchive('a file is there twice');
  if (Number.isNaN(time.getTime()) || !Buffer.concat(tarParts(files, time)).equals(archive)) {
    throw new MalformedArchive('it is not what was written');
  }
  return { files, time };
}
