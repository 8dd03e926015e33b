import { randomBytes } from 'node:crypto';
import { createBackupKeys } from '../../../src/backup/backup-keys';
import { openBytes, sealBytes } from '../../../src/backup/sealed-stream';

const CHUNK_BYTES = 1_048_576;
const HEADER_BYTES = 44;
const SEALED_CHUNK_BYTES = CHUNK_BYTES + 16;
const PLACE = 'fulls/f-1/dump.sql.gz.sealed';

/** R7.4, R11.2: a backup is encrypted, and one that was altered or cut off anywhere never passes for whole. */
describe('a sealed file', () => {
  const secret = randomBytes(32);
  const keys = createBackupKeys([secret]);

  test.each([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 7])(
    'of %i bytes opens to what was sealed, and shows nothing of it',
    async (length) => {
      const content = randomBytes(length);
      const sealed = await sealBytes(keys, PLACE, content);
      expect((await openBytes(keys, PLACE, sealed)).equals(content)).toBe(true);
      if (length > 100) expect(sealed.includes(content.subarray(0, 100))).toBe(false);
      expect(sealed.equals(await sealBytes(keys, PLACE, content))).toBe(false);
    },
  );

  test('that was cut off does not open, at the end of a chunk either', async () => {
    const sealed = await sealBytes(keys, PLACE, randomBytes(2 * CHUNK_BYTES + 5));
    const ends = [0, 3, HEADER_BYTES, HEADER_BYTES + SEALED_CHUNK_BYTES, HEADER_BYTES + 2 * SEALED_CHUNK_BYTES];
    for (const end of [...ends, sealed.length - 1]) {
      await expect(openBytes(keys, PLACE, sealed.subarray(0, end))).rejects.toThrow(/cut off/);
    }
    // An end that lies on a chunk's border, of a file whose last chunk is full.
    const full = await sealBytes(keys, PLACE, randomBytes(2 * CHUNK_BYTES));
    await expect(openBytes(keys, PLACE, full.subarray(0, HEADER_BYTES + SEALED_CHUNK_BYTES))).rejects.toThrow(
      /cut off/,
    );
  });

  test('of which a byte was altered, or chunks were swapped, repeated or added, does not open', async () => {
    const sealed = await sealBytes(keys, PLACE, randomBytes(2 * CHUNK_BYTES + 5));
    const header = sealed.subarray(0, HEADER_BYTES);
    const [first, second, last] = [0, 1, 2].map((number) => {
      const start = HEADER_BYTES + number * SEALED_CHUNK_BYTES;
      return sealed.subarray(start, start + SEALED_CHUNK_BYTES);
    });
    const parts = [first, second, last].map((part) => part ?? Buffer.alloc(0));
    const [one = header, two = header, three = header] = parts;
    const forged = [
      [two, one, three],
      [one, one, three],
      [one, three],
      [one, two, three, three],
    ];
    for (const chunks of forged) {
      await expect(openBytes(keys, PLACE, Buffer.concat([header, ...chunks]))).rejects.toThrow(/altered or cut off/);
    }
    for (const offset of [20, HEADER_BYTES, sealed.length - 1]) {
      const altered = Buffer.from(sealed);
      altered[offset] = (altered[offset] ?? 0) ^ 1;
      await expect(openBytes(keys, PLACE, altered)).rejects.toThrow(/altered or cut off/);
    }
  });

  test('that lies in another place does not open: nobody passes one backup for another', async () => {
    const sealed = await sealBytes(keys, PLACE, Buffer.from('rows'));
    await expect(openBytes(keys, 'fulls/f-2/dump.sql.gz.sealed', sealed)).rejects.toThrow(/altered or cut off/);
  });

  test('opens with any key of the ring; one that is missing is named, without telling anything of it', async () => {
    const sealed = await sealBytes(keys, PLACE, Buffer.from('rows'));
    const rotated = createBackupKeys([randomBytes(32), secret]);
    expect(String(await openBytes(rotated, PLACE, sealed))).toBe('rows');
    const others = createBackupKeys([randomBytes(32)]);
    await expect(openBytes(others, PLACE, sealed)).rejects.toThrow(
      `sealed with the backup key ${keys.first.id.toString('hex')}, which BACKUP_KEY does not hold`,
    );
    await expect(openBytes(keys, PLACE, randomBytes(100))).rejects.toThrow('no sealed backup file');
  });
});
