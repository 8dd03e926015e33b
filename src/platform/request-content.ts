import { sha256 } from './crypto/sha256';

/** Version of the encoding below. A new version must still recognise what an older one stored. */
const ENCODING_VERSION = 1;

/** Values that a request's content can hold. */
export type ContentValue = string | number | boolean | readonly string[];

function isDefault(value: ContentValue): boolean {
  return value === '' || value === 0 || value === false || (Array.isArray(value) && value.length === 0);
}

/**
 * What is compared when a request_id comes again: SHA-256 over the command's name and every field but request_id, by
 * name, defaults left out. So a field added to the proto later does not turn an old caller's retry into
 * REQUEST_ID_REUSED.
 */
export function contentHash(kind: string, content: Readonly<Record<string, ContentValue>>): Buffer {
  const fields = Object.entries(content)
    .filter(([, value]) => !isDefault(value))
    .sort(([first], [second]) => (first < second ? -1 : 1));
  return sha256(JSON.stringify([ENCODING_VERSION, kind, fields]));
}
