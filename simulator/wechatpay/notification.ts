import { signedInstant, signer, spoilAfterSigning, spoilBeforeSigning, type Corruption } from './corruption';
import type { Delivery, EventType } from './delivery';
import { seal } from './encryption';
import { newRequestId } from './identifiers';
import type { SigningKey } from './material';
import { signatureHeaders } from './signature';

interface NotificationRequest {
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

const SUMMARIES: Readonly<Record<EventType, string>> = {
  'TRANSACTION.SUCCESS': '支付成功',
  'REFUND.SUCCESS': '退款成功',
  'REFUND.ABNORMAL': '退款异常',
  'REFUND.CLOSED': '退款关闭',
};

interface NotificationInput {
  readonly delivery: Delivery;
  readonly corruption: Corruption | undefined;
  readonly key: SigningKey;
  readonly apiv3Key: string;
  readonly now: Date;
}

/** The HTTP request of one attempt: encrypted and signed afresh, spoilt when it is meant to be. */
export function notificationRequest(input: NotificationInput): NotificationRequest {
  const { delivery, corruption, key, apiv3Key, now } = input;
  const kind = delivery.eventType === 'TRANSACTION.SUCCESS' ? 'transaction' : 'refund';
  const envelope = {
    id: delivery.notificationId,
    create_time: delivery.createTime,
    resource_type: 'encrypt-resource',
    event_type: delivery.eventType,
    summary: SUMMARIES[delivery.eventType],
    resource: { original_type: kind, ...seal(JSON.stringify(delivery.resource), kind, apiv3Key) },
  };
  const body = spoilBeforeSigning(Buffer.from(JSON.stringify(envelope)), corruption);
  const headers = signatureHeaders(signer(key, corruption), body, signedInstant(now, corruption));
  const message = spoilAfterSigning({ headers, body }, corruption);
  return {
    headers: {
      'Content-Type': 'application/json',
      'User-Agent': 'Mozilla/4.0',
      Accept: '*/*',
      'Request-ID': newRequestId(0),
      ...message.headers,
    },
    body: message.body,
  };
}
