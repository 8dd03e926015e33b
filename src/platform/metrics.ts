import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { CallTally } from './call-tally';

/**
 * The process's Prometheus metrics. Each process makes one set; there is no global registry, so that two servers in one
 * test do not share counters. Label values come from bounded sets (RPC names, reasons of the catalogue, identities that
 * our CA signed), never from a request.
 */
export type Metrics = ReturnType<typeof createMetrics>;

/** Makes every metric of the service, and the usual ones of the process, in a registry of its own. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  return {
    contentType: registry.contentType,
    /** The text that Prometheus scrapes. */
    render: (): Promise<string> => registry.metrics(),
    rpcCalls: new CallTally(registry),
    ...rpcMetrics(registers),
    ...domainMetrics(registers),
    ...storeMetrics(registers),
  };
}

function rpcMetrics(registers: Registry[]) {
  return {
    rpcInflight: new Gauge({
      name: 'billing_rpc_inflight',
      help: 'Billing calls whose handler has not ended, answered or not.',
      registers,
    }),
  };
}

function domainMetrics(registers: Registry[]) {
  return {
    wechatpayNotifications: new Counter({
      name: 'billing_wechatpay_notifications_total',
      help: 'WeChat Pay notifications received, by event type and what became of them.',
      labelNames: ['event', 'result'] as const,
      registers,
    }),
    quotaUnits: new Counter({
      name: 'billing_quota_units_total',
      help: 'Units of quota posted, by type of log row.',
      labelNames: ['type'] as const,
      registers,
    }),
    orders: new Counter({
      name: 'billing_orders_total',
      help: 'Orders that entered a status, by status.',
      labelNames: ['status'] as const,
      registers,
    }),
  };
}

function storeMetrics(registers: Registry[]) {
  return {
    transactions: new Counter({
      name: 'billing_transactions_total',
      help: 'Database transactions ended, by name and outcome.',
      labelNames: ['name', 'outcome'] as const,
      registers,
    }),
    transactionRetries: new Counter({
      name: 'billing_transaction_retries_total',
      help: 'Database transactions run again, by name and the error number that made it necessary.',
      labelNames: ['name', 'errno'] as const,
      registers,
    }),
    redisLocks: new Counter({
      name: 'billing_redis_lock_total',
      help: 'Advisory locks asked of Redis, by result; anything but acquired means that the row lock decided alone.',
      labelNames: ['result'] as const,
      registers,
    }),
  };
}
