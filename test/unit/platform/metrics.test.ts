import { createMetrics } from '../../../src/platform/metrics';

/** What operators scrape: every metric is explained, and two servers in one process do not share counters. */

test('every metric of the service has a help sentence', async () => {
  const help = (await createMetrics().render()).split('\n').filter((line) => line.startsWith('# HELP billing_'));
  const names = help.map((line) => line.split(' ')[2]);
  expect(names).toEqual(
    expect.arrayContaining([
      'billing_rpc_requests_total',
      'billing_rpc_duration_seconds',
      'billing_rpc_inflight',
      'billing_wechatpay_notifications_total',
      'billing_transactions_total',
      'billing_transaction_retries_total',
      'billing_quota_units_total',
      'billing_orders_total',
      'billing_redis_lock_total',
    ]),
  );
  for (const line of help) expect(line).toMatch(/^# HELP \w+ [A-Z].*\.$/);
});

test('two sets of metrics are apart', async () => {
  const first = createMetrics();
  const second = createMetrics();
  first.orders.inc({ status: 'paid' });
  expect(await first.render()).toContain('billing_orders_total{status="paid"} 1');
  expect(await second.render()).not.toContain('billing_orders_total{status="paid"}');
});
