import assert from 'node:assert';
import { sha256 } from './sha256';

/**
 * The ring of data keys: the first seals, all open. Shared by every cipher of a process, so that a ring that was changed
 * (a key added, put first or taken out) is used by all of them from the same moment on, without a restart.
 */
const KEY_BYTES = 32;

/** One key of the ring. */
export interface FieldKey {
  /** 1–16 of [a-z0-9-]; stands in clear in every value it sealed. */
  readonly id: string;
  /** 32 bytes. */
  readonly key: Buffer;
}

/** The keys of now. */
export interface KeyRing {
  /** The key that seals. */
  first(): FieldKey;
  /** A key that opens; undefined when the ring has none of that id, even after its source was looked at again. */
  find(id: string): Buffer | undefined;
  /** Ids of all keys, the sealing one first. */
  ids(): readonly string[];
  /**
   * Puts other keys in the place of all. Throws on keys that can not be used, and on an id that the ring has had with other
   * bytes, in it still or taken out: what that id sealed would not open. The keys from before stay then.
   */
  replace(keys: readonly FieldKey[]): void;
  /** Looks at the source now, if there is one: another process may have read a newer ring a moment earlier. */
  refresh(): void;
  /** Where `refresh`, and `find` before it gives a key up, look. */
  refreshFrom(look: () => void): void;
}

/** Makes a ring. Throws on keys that can not be used. */
export function createKeyRing(keys: readonly FieldKey[]): KeyRing {
  let ring = checked(keys);
  // Of every key that there was; hashes, so that a key that was taken out is not kept.
  const fingerprints = new Map<string, string>();
  const remember = (): void => {
    for (const [id, key] of ring.byId) fingerprints.set(id, fingerprintOf(key));
  };
  remember();
  let look: () => void = () => undefined;
  return {
    first: () => ring.first,
    find: (id) => {
      const known = ring.byId.get(id);
      if (known !== undefined) return known;
      look();
      return ring.byId.get(id);
    },
    ids: () => [...ring.byId.keys()],
    replace: (others) => {
      const next = checked(others);
      for (const [id, key] of next.byId) {
        const isKnown = [undefined, fingerprintOf(key)].includes(fingerprints.get(id));
        assert(isKnown, `data key ${id} has other bytes than before: a new key needs a new id`);
      }
      ring = next;
      remember();
    },
    refresh: () => look(),
    refreshFrom: (source) => {
      look = source;
    },
  };
}

function fingerprintOf(key: Buffer): string {
  return sha256(key).toString('hex');
}

function checked(keys: readonly FieldKey[]): { readonly first: FieldKey; readonly byId: ReadonlyMap<string, Buffer> } {
  const byId = new Map(keys.map(({ id, key }) => [id, key]));
  const [first] = keys;
  assert(first !== undefined, 'the data key ring is empty');
  assert(byId.size === keys.length, 'a data key id is given twice');
  assert(new Set(keys.map(({ key }) => key.toString('hex'))).size === keys.length, 'a data key is given twice');
  for (const { id, key } of keys) {
    assert(/^[a-z0-9-]{1,16}$/.test(id) && key.length === KEY_BYTES, `data key ${id} is not well-formed`);
  }
  return { first, byId };
}
