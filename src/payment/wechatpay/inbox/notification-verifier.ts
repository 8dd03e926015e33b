import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { decryptResource, ResourceUndecryptable, type EncryptedResource } from '../resource-cipher';
import type { WechatpayKeys } from '../keys';
import { findFaultAfterLearning, type SignaturePolicy } from '../signed-message';
import { isApplied, toldShapes, type Told } from './told';
import { NotificationRefused } from '../wechatpay.errors';

/** The outer, signed part of a notification. Its resource is still encrypted. */
export interface NotificationEnvelope {
  /** WeChat's id of the event; may differ between retries, so it is for logs and never the key of an effect. */
  readonly eventId: string;
  /** TRANSACTION.SUCCESS, REFUND.SUCCESS …; the list is open. */
  readonly eventType: string;
  readonly resource: EncryptedResource;
}

const eventIdShape = z.string().regex(/^[\x21-\x7e]{1,36}$/);

/** Source: WeChat Pay API v3, 支付成功回调通知. Lower bounds of the resource are the cipher's to judge. */
const envelopeShape = z
  .object({
    id: eventIdShape,
    event_type: z.string().regex(/^[\x21-\x7e]{1,32}$/),
    resource: z.object({
      algorithm: z.string().max(32),
      ciphertext: z.string().max(1_048_576),
      associated_data: z.string().max(16).nullish(),
      nonce: z.string().max(16),
    }),
  })
  .transform(({ id, event_type, resource }): NotificationEnvelope => ({
    eventId: id,
    eventType: event_type,
    resource: {
      algorithm: resource.algorithm,
      ciphertext: resource.ciphertext,
      associatedData: resource.associated_data ?? '',
      nonce: resource.nonce,
    },
  }));

/** An envelope of which perhaps only the event's id can be read. */
const eventIdOnly = z.object({ id: eventIdShape });

/**
 * Believes a notification or throws NotificationRefused, in this order: signature headers, age, key by serial (one that
 * is not known is looked for first), probe, signature over the raw bytes, and only then JSON and shape. `rawBody` must be
 * the bytes as they came.
 */
export async function verifyNotification(
  headers: IncomingHttpHeaders,
  rawBody: Buffer,
  policy: SignaturePolicy & { readonly keys: WechatpayKeys },
): Promise<NotificationEnvelope> {
  const fault = await findFaultAfterLearning(headers, rawBody, policy);
  if (fault !== null) throw new NotificationRefused(fault);
  return parseAs(envelopeShape, rawBody, undefined);
}

/** What a verified notification carries, decrypted. */
export interface OpenedNotification {
  readonly told: Told;
  /** The resource as it was decrypted: evidence. */
  readonly resource: string;
}

/**
 * Decrypts what a verified notification carries. Throws NotificationRefused: decrypt_failed when our APIv3 key does not
 * open it, malformed when it is not what its event promises.
 */
export function openNotification(envelope: NotificationEnvelope, apiv3Key: string): OpenedNotification {
  const bytes = decrypt(envelope, apiv3Key);
  return { told: readTold(envelope.eventType, bytes, envelope.eventId), resource: bytes.toString('utf8') };
}

/** What a decrypted resource tells. Throws NotificationRefused: malformed. */
export function readTold(eventType: string, resource: Buffer, eventId: string): Told {
  return isApplied(eventType) ? parseAs(toldShapes[eventType], resource, eventId) : { kind: 'ignored' };
}

function decrypt({ resource, eventId }: NotificationEnvelope, apiv3Key: string): Buffer {
  try {
    return decryptResource(resource, apiv3Key);
  } catch (error) {
    if (!(error instanceof ResourceUndecryptable)) throw error;
    throw new NotificationRefused('decrypt_failed', { eventId, fault: error.fault });
  }
}

/** Throws NotificationRefused: malformed. Without an event id of the envelope it is looked for in what is parsed. */
function parseAs<Shape extends z.ZodType>(shape: Shape, bytes: Buffer, eventId: string | undefined): z.output<Shape> {
  const json = parseUtf8Json(bytes);
  if (json === undefined) throw new NotificationRefused('malformed', { eventId, fault: 'not JSON in UTF-8' });
  const parsed = shape.safeParse(json);
  if (parsed.success) return parsed.data;
  // The issues' messages are left out: some repeat what they refuse.
  const fault = parsed.error.issues.map(({ path, code }) => `${path.join('.')}: ${code}`).join(', ');
  throw new NotificationRefused('malformed', { eventId: eventId ?? eventIdOnly.safeParse(json).data?.id, fault });
}

/** Undefined where the bytes are something else. The parser's error is not kept: it repeats the text. */
function parseUtf8Json(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
