import assert from 'node:assert';

/** What JSON can hold without loss: numbers are whole. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/**
 * One text for one value, so that it can be signed and compared: no white space, keys in order of their UTF-16 code units,
 * strings as JSON.stringify writes them, numbers whole. For such values this is RFC 8785 (JCS).
 */
export function canonicalJson(value: JsonValue): string {
  if (typeof value === 'number') assert(Number.isSafeInteger(value), `${value} is not a whole number`);
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const fields = Object.entries(value).sort(([first], [second]) => (first < second ? -1 : 1));
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`).join(',')}}`;
}

function isList(value: readonly JsonValue[] | JsonObject): value is readonly JsonValue[] {
  return Array.isArray(value);
}
