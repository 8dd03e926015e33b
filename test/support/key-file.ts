import { randomBytes } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDataKeys } from '../../src/platform/data-keys-setting';
import { createFieldCipher, type FieldCipher } from '../../src/platform/crypto/field-cipher';

/** A file of data keys, as an operator keeps one. */
export interface KeyFile {
  readonly path: string;
  /** Puts these keys in the file, in this order, in one step. A key has the same bytes whenever it is named. */
  write(...ids: readonly string[]): void;
  /** What opens and seals with these keys, apart from the service. */
  cipher(...ids: readonly string[]): FieldCipher;
  remove(): void;
}

/** `k1` is what `first` says: the key that a run's other databases know, too. */
export function makeKeyFile(first: string): KeyFile {
  const dir = mkdtempSync(join(tmpdir(), 'billing-keys-'));
  const path = join(dir, 'data-keys');
  const known = new Map<string, string>([[first.split(':')[0] ?? '', first]]);
  const entryOf = (id: string): string => {
    const entry = known.get(id) ?? `${id}:${randomBytes(32).toString('base64')}`;
    known.set(id, entry);
    return entry;
  };
  const list = (ids: readonly string[]): string => ids.map(entryOf).join(',');
  const write = (...ids: readonly string[]): void => {
    writeFileSync(`${path}.new`, `${list(ids)}\n`, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  };
  write(first.split(':')[0] ?? '');
  return {
    path,
    write,
    cipher: (...ids) => createFieldCipher(parseDataKeys(list(ids))),
    remove: () => rmSync(dir, { recursive: true }),
  };
}
