/** Where things are: the clone, and the directories that hold the state of a local stack. The only reader of its settings. */
import path from 'node:path';

/** The root of the clone. */
export const ROOT = path.resolve(import.meta.dirname, '..', '..');

const local = path.resolve(ROOT, process.env.BILLING_LOCAL_DIR ?? '.local');

/**
 * State directories. `local` is what `npm run up` starts; the others belong to `npm test`, the schema check and `npm run bench`, so
 * that neither ever touches a developer's data. BILLING_LOCAL_DIR moves all of them.
 */
export const STATE_DIRECTORIES = Object.freeze({
  local,
  test: path.join(local, 'test'),
  schema: path.join(local, 'schema'),
  bench: path.join(local, 'bench'),
});

/** Absolute path of something in the clone. */
export function inRoot(...names) {
  return path.join(ROOT, ...names);
}
