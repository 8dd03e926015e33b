import { createHmac } from 'node:crypto';

/**
 * Signatures as Standard Webhooks has them: HMAC-SHA256 over `id.timestamp.body`. The timestamp is part of it, so a receiver that
 * refuses what is older than five minutes can not be sent an old message again by whoever caught it.
 */

const SECRET_PREFIX = 'whsec_';

/** The value of `webhook-signature` under one secret. */
function signatureOf(secret: string, signed: string): string {
  const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64');
  return `v1,${createHmac('sha256', key).update(signed, 'utf8').digest('base64')}`;
}

/** The headers of a message. Signed with every secret: a receiver that knows any of them accepts it. */
export function webhookHeaders(
  secrets: readonly string[],
  { id, body, now }: { readonly id: string; readonly body: string; readonly now: Date },
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(now.getTime() / 1_000));
  const signed = `${id}.${timestamp}.${body}`;
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': secrets.map((secret) => signatureOf(secret, signed)).join(' '),
  };
}
