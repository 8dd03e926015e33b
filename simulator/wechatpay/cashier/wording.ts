import type { TradeState } from '../order';
import type { RefundStatus } from '../refund';

export const LANGUAGES = ['zh', 'en'] as const;
export type Language = (typeof LANGUAGES)[number];

/** What became of the last click. */
export const NOTES = ['paid', 'failed', 'refunded', 'refused'] as const;
export type Note = (typeof NOTES)[number];

interface Wording {
  readonly languageTag: string;
  readonly title: string;
  readonly hint: string;
  readonly noOrders: string;
  readonly notFound: string;
  readonly all: string;
  readonly other: string;
  readonly columns: readonly string[];
  readonly pay: string;
  readonly fail: string;
  readonly refund: string;
  readonly failedAttempts: string;
  readonly states: Readonly<Record<TradeState, string>>;
  readonly refundStates: Readonly<Record<RefundStatus, string>>;
  readonly notes: Readonly<Record<Note, string>>;
}

const ZH: Wording = {
  languageTag: 'zh-CN',
  title: '本地微信支付收银台',
  hint: '仅供本机测试，不涉及真实资金。code_url 不能用手机扫描；请用 /cashier?order=商户订单号 直接打开一笔订单。',
  noOrders: '还没有订单。',
  notFound: '没有这笔订单。',
  all: '全部订单',
  other: 'English',
  columns: ['商户订单号', '商品', '金额', '状态', '退款', '操作'],
  pay: '支付',
  fail: '支付失败',
  refund: '退款',
  failedAttempts: '失败次数',
  states: { NOTPAY: '未支付', SUCCESS: '已支付', REFUND: '转入退款', CLOSED: '已关闭' },
  refundStates: { PROCESSING: '处理中', SUCCESS: '已退款', CLOSED: '已关闭', ABNORMAL: '异常' },
  notes: {
    paid: '支付成功。',
    failed: '支付失败，订单仍未支付。',
    refunded: '退款已受理。',
    refused: '操作未执行：订单状态已变化。',
  },
};

const EN: Wording = {
  languageTag: 'en',
  title: 'Cashier of the local WeChat Pay',
  hint: 'For tests on this machine: no real money. No phone can scan a code_url; open an order by /cashier?order=ID.',
  noOrders: 'There are no orders yet.',
  notFound: 'There is no such order.',
  all: 'All orders',
  other: '中文',
  columns: ['Order', 'What', 'Amount', 'State', 'Refunds', 'Actions'],
  pay: 'Pay',
  fail: 'Fail to pay',
  refund: 'Refund',
  failedAttempts: 'failed attempts',
  states: { NOTPAY: 'not paid', SUCCESS: 'paid', REFUND: 'refunded', CLOSED: 'closed' },
  refundStates: { PROCESSING: 'processing', SUCCESS: 'done', CLOSED: 'closed', ABNORMAL: 'abnormal' },
  notes: {
    paid: 'Paid.',
    failed: 'The payment failed; the order is still not paid.',
    refunded: 'The refund was accepted.',
    refused: 'Nothing was done: the order is no longer in that state.',
  },
};

export const WORDINGS: Readonly<Record<Language, Wording>> = { zh: ZH, en: EN };
