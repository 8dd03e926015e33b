import { createNotificationHandler } from '../payment';
import { createEdgeServer } from '../platform/http/edge-server';
import type { Foundation } from './foundation';
import { notificationApplier } from './payment-parts';

/** The edge role: WeChat Pay's notifications and nothing else. One handler: the event type decides, not the path. */
export function buildEdge(foundation: Foundation) {
  const { config, log, clock, metrics, db, cipher } = foundation;
  const handler = createNotificationHandler({
    db,
    clock,
    log,
    metrics,
    cipher,
    keys: foundation.wechatpay.keys,
    apiv3Key: config.WECHATPAY_APIV3_KEY,
    ageMaxSeconds: config.NOTIFICATION_AGE_MAX_SECONDS,
    applyTimeoutMs: config.NOTIFICATION_APPLY_TIMEOUT_MS,
    merchant: { mchid: config.WECHATPAY_MCHID, appid: config.WECHATPAY_APPID },
    apply: notificationApplier(foundation),
  });
  const paths = ['/wechatpay/notify/transaction', '/wechatpay/notify/refund'];
  const routes = paths.map((path) => ({ path, handler }));
  const onRefused = (result: string): void => metrics.wechatpayNotifications.inc({ event: 'unverified', result });
  return createEdgeServer({ routes, bodyBytesMax: config.NOTIFICATION_BODY_BYTES_MAX, onRefused, log });
}
