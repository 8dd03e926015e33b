import { readdirSync, readFileSync } from 'node:fs';
import { BILLING_RPCS } from '../../src/access-matrix';
import { catalogErrors } from '../../src/catalog/catalog.errors';
import { giftErrors } from '../../src/gift/gift.errors';
import { jobErrors } from '../../src/job/job.errors';
import { reviewErrors } from '../../src/audit/review/review.errors';
import { evidenceErrors } from '../../src/audit/evidence/evidence.errors';
import { eventErrors } from '../../src/event/event.errors';
import { orderErrors } from '../../src/order/order.errors';
import { paymentErrors } from '../../src/payment/payment.errors';
import { wechatpayErrors } from '../../src/payment/wechatpay/wechatpay.errors';
import { privacyErrors } from '../../src/privacy/privacy.errors';
import { platformErrors, type ErrorFactory } from '../../src/platform/errors';
import { promotionErrors } from '../../src/promotion/promotion.errors';
import { quotaErrors } from '../../src/quota/quota.errors';
import { refundErrors } from '../../src/refund/refund.errors';
import { tableUnder } from '../support/doc-tables';
import { readSources } from '../support/sources';

/** Every catalogue of src. */
const CATALOGUES = [
  evidenceErrors,
  reviewErrors,
  eventErrors,
  platformErrors,
  jobErrors,
  quotaErrors,
  catalogErrors,
  promotionErrors,
  giftErrors,
  orderErrors,
  paymentErrors,
  privacyErrors,
  wechatpayErrors,
  refundErrors,
];
const ENTRIES = CATALOGUES.flatMap((catalogue) => Object.entries<ErrorFactory>(catalogue));

/** The public contract: a reason that exists travels under this code and no other name. */
const CONTRACT: Readonly<Record<string, readonly string[]>> = {
  INVALID_ARGUMENT: ['INVALID_REQUEST'],
  UNAUTHENTICATED: ['CALLER_UNKNOWN'],
  PERMISSION_DENIED: ['CALLER_NOT_ALLOWED', 'SECOND_PERSON_REQUIRED'],
  NOT_FOUND: [
    'USER_NOT_FOUND',
    'ORDER_NOT_FOUND',
    'COUPON_NOT_FOUND',
    'PROMOTION_NOT_FOUND',
    'PLAN_NOT_FOUND',
    'HOLD_NOT_FOUND',
    'CONSUME_NOT_FOUND',
    'NOTIFICATION_NOT_FOUND',
    'EVENT_NOT_FOUND',
    'EVENT_DELIVERY_NOT_FOUND',
    'DEAD_LETTER_NOT_FOUND',
    'GIFT_CAMPAIGN_NOT_FOUND',
    'KEY_ROTATION_NOT_FOUND',
    'ERASURE_NOT_FOUND',
    'REFUND_NOT_FOUND',
    'REVIEW_NOT_FOUND',
  ],
  ALREADY_EXISTS: ['REQUEST_ID_REUSED', 'COUPON_ALREADY_CLAIMED', 'GIFT_ALREADY_GRANTED'],
  FAILED_PRECONDITION: [
    'REVIEW_IN_PROGRESS',
    'QUOTA_INSUFFICIENT',
    'REFUND_EXCEEDS_CONSUMED',
    'HOLD_NOT_OPEN',
    'FEATURE_NOT_ENTITLED',
    'USER_NOT_ELIGIBLE',
    'PROMOTION_SOLD_OUT',
    'PROMOTION_BUDGET_EXHAUSTED',
    'PROMOTION_NOT_ACTIVE',
    'COUPON_NOT_USABLE',
    'COUPON_NOT_APPLICABLE',
    'ORDER_NOT_PAYABLE',
    'ORDER_NOT_CANCELLABLE',
    'ORDER_NOT_REFUNDABLE',
    'REFUND_NOT_PROPOSED',
    'EVIDENCE_GONE',
    'EVIDENCE_TOO_LARGE',
    'ORDER_NOT_PAID',
    'TOO_MANY_OPEN_ORDERS',
    'UPGRADE_NOT_POSSIBLE',
    'DEAD_LETTER_RESOLVED',
    'GIFT_CAMPAIGN_NOT_ACTIVE',
    'GIFT_BUDGET_EXHAUSTED',
    'KEY_ROTATION_RUNNING',
    'ERASURE_UNDER_WAY',
    'ERASURE_NOT_PROPOSED',
  ],
  ABORTED: ['CONTENTION'],
  RESOURCE_EXHAUSTED: ['OVERLOADED', 'RATE_LIMITED'],
  UNAVAILABLE: ['DATABASE_UNAVAILABLE', 'WECHATPAY_UNAVAILABLE', 'SHUTTING_DOWN'],
  // What gRPC itself calls these; not refusals of ours.
  DEADLINE_EXCEEDED: ['DEADLINE_EXCEEDED'],
  CANCELLED: ['CANCELLED'],
  INTERNAL: ['INTERNAL'],
};

/** Refusals that any RPC may give at any point; the documents name them once. */
const ANY_TIME = new Set([
  'CONTENTION',
  'OVERLOADED',
  'DATABASE_UNAVAILABLE',
  'SHUTTING_DOWN',
  'DEADLINE_EXCEEDED',
  'CANCELLED',
  'INTERNAL',
]);

const PAGE = readFileSync('docs/errors.md', 'utf8');

/** Lesson of fastify: the catalogue is a tested contract, compared in both directions. */
describe('the catalogue of errors', () => {
  const sources = readSources(['src']);

  test('is compared whole: every file that defines errors is in this test', () => {
    const definers = sources.filter(({ text }) => /= defineErrors\(/.test(text)).map(({ path }) => path);
    expect(definers.sort()).toEqual([
      'src/audit/evidence/evidence.errors.ts',
      'src/audit/review/review.errors.ts',
      'src/catalog/catalog.errors.ts',
      'src/event/event.errors.ts',
      'src/gift/gift.errors.ts',
      'src/job/job.errors.ts',
      'src/order/order.errors.ts',
      'src/payment/payment.errors.ts',
      'src/payment/wechatpay/wechatpay.errors.ts',
      'src/platform/errors.ts',
      'src/privacy/privacy.errors.ts',
      'src/promotion/promotion.errors.ts',
      'src/quota/quota.errors.ts',
      'src/refund/refund.errors.ts',
    ]);
  });

  test('has every reason once, whatever the domain', () => {
    const reasons = ENTRIES.map(([reason]) => reason);
    expect(new Set(reasons).size).toBe(reasons.length);
  });

  test('spells every reason as the contract does, under the same code', () => {
    const agreed = Object.entries(CONTRACT).flatMap(([code, reasons]) => reasons.map((reason) => `${reason} ${code}`));
    expect(agreed).toEqual(
      expect.arrayContaining(ENTRIES.map(([reason, { definition }]) => `${reason} ${definition.code}`)),
    );
  });

  test('is documented: the same reasons, codes and pauses on both sides', () => {
    const documented = tableUnder(PAGE, 'Reasons').map(([reason, code, , , pause]) => `${reason} ${code} ${pause}`);
    const defined = ENTRIES.map(([reason, { definition }]) => {
      const { code, retryAfterMs } = definition;
      return `${reason} ${code} ${retryAfterMs === undefined ? '—' : `${retryAfterMs} ms`}`;
    });
    expect(documented.sort()).toEqual(defined.sort());
  });

  test('says for every reason what it means and what the client does', () => {
    for (const row of tableUnder(PAGE, 'Reasons')) {
      expect(row).toHaveLength(5);
      expect(row[2]?.length).toBeGreaterThan(10);
      expect(row[3]?.length).toBeGreaterThan(10);
    }
  });

  test.each(ENTRIES.map(([reason]) => reason))('%s is thrown somewhere in src', (reason) => {
    expect(sources.some(({ text }) => new RegExp(`[eE]rrors\\.${reason}\\(`).test(text))).toBe(true);
  });
});

/** Clients may rely on which refusal wins, so the order is written down once and told alike everywhere. */
describe('the order of refusals', () => {
  const documented = new Map(
    tableUnder(PAGE, 'Which refusal wins').map(([rpc = '', order = '']) => [`billing.v1.${rpc}`, order.split(', ')]),
  );
  const reasons = new Set(ENTRIES.map(([reason]) => reason));

  test('is documented for every RPC, in reasons that exist', () => {
    expect([...documented.keys()].sort()).toEqual([...BILLING_RPCS].sort());
    for (const order of documented.values()) {
      expect(order.filter((reason) => !reasons.has(reason) || ANY_TIME.has(reason))).toEqual([]);
    }
  });

  test.each([...BILLING_RPCS])('of %s is the same in the proto', (rpc) => {
    const method = rpc.split('/')[1] ?? '';
    const texts = readdirSync('proto/billing/v1').map((name) => readFileSync(`proto/billing/v1/${name}`, 'utf8'));
    const comment = texts.map((text) => new RegExp(`((?: +//.*\\n)+) +rpc ${method}\\(`).exec(text)?.[1]).find(Boolean);
    const [, list = ''] =
      /(?:(?:Refusals|Errors), in this order|Errors(?: of the call itself)?):([^]*)/.exec(comment ?? '') ?? [];
    const told = [...list.matchAll(/\b[A-Z]+(?:_[A-Z]+)+\b/g)].map(([reason]) => reason);
    expect(told.filter((reason) => !ANY_TIME.has(reason))).toEqual(documented.get(rpc));
  });
});

/** What WeChat Pay is answered is documented with the word that the metric counts. */
describe('the answers to WeChat Pay', () => {
  test('are documented with their status: every refusal of a notification and every mismatch of a payment or refund', () => {
    const errors = readFileSync('src/payment/wechatpay/wechatpay.errors.ts', 'utf8');
    const [, table = ''] = /NOTIFICATION_REFUSALS = \{([^]*?)\}/.exec(errors) ?? [];
    const refusals = [...table.matchAll(/^ +(\w+): (\d{3}),$/gm)].map(([, reason, status]) => `${reason} ${status}`);
    const judge = readFileSync('src/order/apply-payment.ts', 'utf8')
      .split('\n}\n')
      .find((part) => part.includes('findMismatch('));
    const mismatches = [...(judge ?? '').matchAll(/^ +if \(.*\) return '(\w+)';$/gm)].map(
      ([, reason]) => `${reason} 409`,
    );
    const refund = readFileSync('src/refund/told-refund.ts', 'utf8');
    const [, union = ''] = /type Unbookable =([^]*?);/.exec(refund) ?? [];
    const unbookable = [...union.matchAll(/'(\w+)'/g)].map(([, reason]) => `${reason} 409`);
    const others = ['applied 204', 'duplicate 204', 'stored 204', 'content_changed 409'];
    const unserved = ['not_stored 503', 'not_applied 503', 'too_large 413', 'unreadable 400'];
    expect(refusals.length).toBeGreaterThan(5);
    expect(mismatches.length).toBeGreaterThan(4);
    expect(unbookable.length).toBeGreaterThan(4);
    const documented = tableUnder(PAGE, 'Answers to WeChat Pay').map(([result, status]) => `${result} ${status}`);
    const judged = new Set([...mismatches, ...unbookable]);
    expect(documented.sort()).toEqual([...refusals, ...judged, ...others, ...unserved].sort());
  });
});
