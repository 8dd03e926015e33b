import { z } from 'zod';

/** The setting DATA_KEYS: the ring of keys that seal columns, `id:base64 of 32 bytes` joined by commas. The first seals, all open. */

const dataKey = z
  .string()
  .regex(/^[a-z0-9-]{1,16}:[A-Za-z0-9+/]{43}=$/, 'must be id:base64 of 32 bytes')
  .transform((entry) => {
    const [id = '', key = ''] = entry.split(':');
    return { id, key: Buffer.from(key, 'base64') };
  });

export const dataKeys = z
  .string()
  .min(1)
  .transform((list) => list.split(','))
  .pipe(z.array(dataKey).min(1));

/** Parses the text of DATA_KEYS, when its file has changed. Throws without repeating it. */
export function parseDataKeys(list: string): z.infer<typeof dataKeys> {
  const parsed = dataKeys.safeParse(list);
  if (!parsed.success) throw new Error('DATA_KEYS must be id:base64 of 32 bytes, joined by commas');
  return parsed.data;
}
