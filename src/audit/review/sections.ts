import type { Bilingual } from './bilingual';

/**
 * The headings and the checklist of the review. The first six are the owner's template, word for word, in its order
 * (test/contract/review-template.test.ts compares); the others follow in the same form.
 */
export interface Section {
  readonly id: string;
  readonly heading: Bilingual;
  readonly items: readonly Item[];
}

interface Item {
  readonly id: string;
  readonly text: Bilingual;
}

export const SECTIONS = [
  {
    id: 'amounts',
    heading: { zh: '金额计算安全性', en: 'Amounts are computed safely' },
    items: [
      {
        id: 'discounts-in-backend',
        text: { zh: '所有折扣金额在后端计算', en: 'Every discount is computed by the service' },
      },
      { id: 'discount-arithmetic', text: { zh: '折扣计算逻辑正确', en: 'The arithmetic of discounts is right' } },
      {
        id: 'discount-base',
        text: { zh: '折扣基准正确（基于实付）', en: 'Discounts are based on what is really paid' },
      },
    ],
  },
  {
    id: 'concurrency',
    heading: { zh: '并发控制安全性', en: 'Concurrency is controlled' },
    items: [
      { id: 'claim-row-locks', text: { zh: '领券使用行锁', en: 'Claims of coupons lock rows' } },
      { id: 'atomic-stock', text: { zh: '库存更新原子性', en: 'Stock is updated atomically' } },
      { id: 'claims-test', text: { zh: '100并发测试通过', en: 'The test of 100 concurrent claims passed' } },
    ],
  },
  {
    id: 'coupon-states',
    heading: { zh: '优惠券状态流转', en: 'States of coupons' },
    items: [
      { id: 'coupon-transitions', text: { zh: '状态流转完整', en: 'Transitions are complete' } },
      { id: 'coupon-release', text: { zh: '支付失败正确释放', en: 'A failed payment gives the coupon back' } },
    ],
  },
  {
    id: 'payment-amounts',
    heading: { zh: '支付金额准确性', en: 'Paid amounts are exact' },
    items: [
      { id: 'wechatpay-amounts', text: { zh: '微信支付金额正确', en: 'Amounts at WeChat Pay are right' } },
      { id: 'order-records', text: { zh: '订单记录完整', en: 'Records of orders are complete' } },
    ],
  },
  {
    id: 'reuse',
    heading: { zh: '防止重复使用', en: 'Nothing is used twice' },
    items: [
      { id: 'unique-keys', text: { zh: '唯一约束已设置', en: 'Unique keys are in place' } },
      { id: 'state-checks', text: { zh: '状态检查完整', en: 'Checks of states are complete' } },
    ],
  },
  {
    id: 'consistency',
    heading: { zh: '数据一致性', en: 'Data is consistent' },
    items: [
      { id: 'stock-consistent', text: { zh: '库存数据一致', en: 'Figures of stock agree' } },
      { id: 'gmv-exact', text: { zh: 'GMV计算准确', en: 'GMV is exact' } },
    ],
  },
  {
    id: 'quota',
    heading: { zh: '配额安全性', en: 'Quota' },
    items: [
      { id: 'quota-never-negative', text: { zh: '配额从不为负', en: 'No balance is negative' } },
      {
        id: 'quota-equation',
        text: {
          zh: '发放 = 剩余 + 冻结 + 消耗 + 过期 + 收回',
          en: 'Granted = remaining + held + consumed + expired + revoked',
        },
      },
      { id: 'quota-log', text: { zh: '配额日志与余额、批次一致', en: 'The log agrees with balances and lots' } },
      { id: 'quota-chain', text: { zh: '配额日志哈希链完整', en: 'The hash chains of the log are whole' } },
      { id: 'quota-returns', text: { zh: '返还不超过扣减', en: 'No more is returned than was taken' } },
      { id: 'grants-paid', text: { zh: '每笔配额发放都有依据', en: 'Every grant of quota has its cause' } },
    ],
  },
  {
    id: 'payments',
    heading: { zh: '支付与退款安全性', en: 'Payments and refunds' },
    items: [
      {
        id: 'payments-verified',
        text: {
          zh: '每笔已付订单都有验签通过的同额支付',
          en: 'Every paid order has a verified payment of its amount',
        },
      },
      {
        id: 'callbacks-signed',
        text: { zh: '没有未验签的回调被处理', en: 'No callback was applied without its signature' },
      },
      { id: 'refunds-within-payments', text: { zh: '退款不超过支付', en: 'Refunds stay within payments' } },
      { id: 'no-limbo', text: { zh: '没有悬而未决的交易', en: 'Nothing is left in limbo' } },
    ],
  },
  {
    id: 'permissions',
    heading: { zh: '权限与审计', en: 'Permissions and audit' },
    items: [
      {
        id: 'database-privileges',
        text: { zh: '数据库账户权限最小化', en: 'Database accounts have the least privileges' },
      },
      {
        id: 'append-only',
        text: { zh: '历史记录受触发器与约束保护', en: 'History is guarded by triggers and constraints' },
      },
      { id: 'audit-trail', text: { zh: '审计日志完整', en: 'The audit trail is complete' } },
      {
        id: 'second-person',
        text: { zh: '人工资金与配额操作经双人复核', en: 'A second person agreed to what was done by hand' },
      },
      { id: 'personal-data', text: { zh: '个人数据已加密', en: 'Personal data is sealed' } },
    ],
  },
  {
    id: 'backup',
    heading: { zh: '备份与恢复', en: 'Backup and recovery' },
    items: [
      { id: 'anchors', text: { zh: '账本锚点按时导出', en: 'Anchors of the ledger are made in time' } },
      { id: 'backups', text: { zh: '备份按时完成', en: 'Backups are made in time' } },
      { id: 'restore-drill', text: { zh: '恢复演练通过', en: 'The restore drill passed' } },
    ],
  },
] as const satisfies readonly Section[];

export type SectionId = (typeof SECTIONS)[number]['id'];
export type ItemId = (typeof SECTIONS)[number]['items'][number]['id'];
