import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';
import type { BackupKey, BackupKeys } from './backup-keys';
import { BackupError } from './backup.errors';

/**
 * Encryption of whole files, of any length, in bounded memory: AES-256-GCM in chunks of 1 MiB. One sealed file is
 *
 *   "BGB1" (4 bytes) | key id (8) | salt (32) | chunk …, a chunk being ciphertext | tag (16)
 *
 * Each file has a key of its own: HKDF-SHA-256 of the backup key with the salt and the file's place, so a file that was moved
 * to another place does not open. The nonce of a chunk is its number and whether it is the last one: a chunk that was left out,
 * repeated or moved does not open, nor does a file that was cut off, at the end of a chunk either.
 */
const MAGIC = Buffer.from('BGB1', 'latin1');
const ID_BYTES = 8;
const SALT_BYTES = 32;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const ALGORITHM = 'aes-256-gcm';
/** The first bytes of a file, before its chunks. */
const HEADER_BYTES = MAGIC.length + ID_BYTES + SALT_BYTES;
/** Bytes of plaintext of every chunk but the last, which may have fewer, or none. */
const CHUNK_BYTES = 1_048_576;
const CHUNK_NUMBER_END = 2 ** 32;

function fileKey({ key }: BackupKey, salt: Buffer, place: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, `billing-guard backup 1: ${place}`, KEY_BYTES));
}

function nonceOf(chunkNumber: number, isLast: boolean): Buffer {
  if (chunkNumber >= CHUNK_NUMBER_END) throw new BackupError('a file is too long to be sealed');
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(chunkNumber, 7);
  nonce.writeUInt8(isLast ? 1 : 0, 11);
  return nonce;
}

/** Bytes that have arrived and not been used. */
class Waiting {
  private parts: Buffer[] = [];
  length = 0;

  add(part: Buffer): void {
    this.parts.push(part);
    this.length += part.length;
  }

  take(length: number): Buffer {
    const all = this.parts.length === 1 && this.parts[0] !== undefined ? this.parts[0] : Buffer.concat(this.parts);
    this.parts = [all.subarray(length)];
    this.length -= length;
    return all.subarray(0, length);
  }
}

/** Hands what a step throws to the stream, which ends with it. */
function attempt(done: TransformCallback, step: () => void): void {
  try {
    step();
  } catch (error) {
    done(error as Error);
    return;
  }
  done();
}

/** A stream that seals what is written to it. `place` is where the file will be, as it is told when it is opened. */
export function createSealer(keys: BackupKeys, place: string): Transform {
  const salt = randomBytes(SALT_BYTES);
  const key = fileKey(keys.first, salt, place);
  const waiting = new Waiting();
  let chunkNumber = 0;
  const seal = (plaintext: Buffer, isLast: boolean): Buffer => {
    const cipher = createCipheriv(ALGORITHM, key, nonceOf(chunkNumber, isLast), { authTagLength: TAG_BYTES });
    chunkNumber += 1;
    return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  };
  const sealer = new Transform({
    transform: (part: Buffer, _encoding, done) =>
      attempt(done, () => {
        waiting.add(part);
        // Only more bytes tell that a chunk is not the last.
        while (waiting.length > CHUNK_BYTES) sealer.push(seal(waiting.take(CHUNK_BYTES), false));
      }),
    flush: (done) => attempt(done, () => void sealer.push(seal(waiting.take(waiting.length), true))),
  });
  sealer.push(Buffer.concat([MAGIC, keys.first.id, salt]));
  return sealer;
}

/**
 * A stream that opens what was sealed for this place. It passes on chunks that are whole and ours as they come, and ends with a
 * BackupError where the file was altered or cut off: whoever reads it believes nothing before the end.
 */
export function createOpener(keys: BackupKeys, place: string): Transform {
  const waiting = new Waiting();
  let chunkNumber = 0;
  let key: Buffer | undefined;
  const open = (sealed: Buffer, isLast: boolean): Buffer => {
    if (key === undefined || sealed.length < TAG_BYTES) throw new BackupError(`${place} is cut off`);
    const decipher = createDecipheriv(ALGORITHM, key, nonceOf(chunkNumber, isLast), { authTagLength: TAG_BYTES });
    chunkNumber += 1;
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
    const plaintext = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES));
    try {
      return Buffer.concat([plaintext, decipher.final()]);
    } catch (error) {
      throw new BackupError(`${place} was altered or cut off: it does not open`, error);
    }
  };
  const readHeader = (): Buffer => {
    const header = waiting.take(HEADER_BYTES);
    if (!header.subarray(0, MAGIC.length).equals(MAGIC)) throw new BackupError(`${place} is no sealed backup file`);
    const saltStart = MAGIC.length + ID_BYTES;
    return fileKey(keys.find(header.subarray(MAGIC.length, saltStart)), header.subarray(saltStart), place);
  };
  const opener = new Transform({
    transform: (part: Buffer, _encoding, done) =>
      attempt(done, () => {
        waiting.add(part);
        if (key === undefined && waiting.length >= HEADER_BYTES) key = readHeader();
        if (key === undefined) return;
        const sealedBytes = CHUNK_BYTES + TAG_BYTES;
        while (waiting.length > sealedBytes) opener.push(open(waiting.take(sealedBytes), false));
      }),
    flush: (done) => attempt(done, () => void opener.push(open(waiting.take(waiting.length), true))),
  });
  return opener;
}

async function through(stream: Transform, content: Buffer): Promise<Buffer> {
  stream.end(content);
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Seals a file that fits into memory. */
export function sealBytes(keys: BackupKeys, place: string, content: Buffer): Promise<Buffer> {
  return through(createSealer(keys, place), content);
}

/** Opens a file that fits into memory, all of it or nothing. */
export function openBytes(keys: BackupKeys, place: string, sealed: Buffer): Promise<Buffer> {
  return through(createOpener(keys, place), sealed);
}
