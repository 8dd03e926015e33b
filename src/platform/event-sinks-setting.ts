import { z } from 'zod';

/**
 * The setting EVENT_SINKS: where events and notifications go beside the stream, as a JSON list. It holds secrets, so it is best
 * given as EVENT_SINKS_FILE. docs/events.md explains every field.
 */

const name = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be 1 to 32 of a-z, 0-9 and -, a letter first');
/** `order.paid`, `order.*` or `*`. */
const typePattern = z.string().regex(/^(?:\*|[a-z_]+\.(?:\*|[a-z_]+))$/, 'must be a type, a family like order.*, or *');
const perMinute = (fallback: number) => z.number().int().min(1).max(1_000_000).default(fallback);
/** As Standard Webhooks write it: `whsec_` and base64 of 24 to 64 bytes. */
export const webhookSecret = z
  .string()
  .regex(/^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/, 'must be whsec_ and base64 of 24 to 64 bytes');
const languages = { language: z.enum(['zh', 'en']).default('zh'), types: z.array(typePattern).min(1).optional() };

const webhook = z.strictObject({
  name,
  kind: z.literal('webhook'),
  url: z.url({ protocol: /^https?$/ }),
  /** The first signs; all of them do, so that a receiver may change to a new one at any time. */
  secrets: z.array(webhookSecret).min(1).max(4),
  types: z.array(typePattern).min(1).default(['*']),
  rate_per_minute: perMinute(600),
});
const wecom = z.strictObject({
  name,
  kind: z.literal('wecom'),
  url: z.url({ protocol: /^https?$/ }),
  ...languages,
  rate_per_minute: perMinute(20),
});
const smtp = z.strictObject({
  name,
  kind: z.literal('smtp'),
  url: z.url({ protocol: /^smtps?$/ }),
  from: z.string().min(3).max(254),
  to: z.array(z.email()).min(1).max(20),
  ...languages,
  rate_per_minute: perMinute(60),
});
const log = z.strictObject({ name, kind: z.literal('log'), ...languages, rate_per_minute: perMinute(6_000) });

const sinks = z
  .array(z.discriminatedUnion('kind', [webhook, wecom, smtp, log]))
  .max(20)
  .refine((list) => new Set(list.map((sink) => sink.name)).size === list.length, 'names must differ');

/** One sink as it is configured. */
export type EventSinkSetting = z.infer<typeof sinks>[number];

/** Where in the list something is wrong; never what stands there, which may be a secret. */
function describe(error: z.ZodError): string {
  const [issue] = error.issues;
  return `is wrong at ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not a list of sinks'}`;
}

/** JSON in, sinks out. */
export const eventSinks = z
  .string()
  .default('[]')
  .transform((json, context): readonly EventSinkSetting[] => {
    let value: unknown;
    try {
      value = JSON.parse(json);
    } catch {
      context.addIssue('is not JSON');
      return z.NEVER;
    }
    const parsed = sinks.safeParse(value);
    if (parsed.success) return parsed.data;
    context.addIssue(describe(parsed.error));
    return z.NEVER;
  });
