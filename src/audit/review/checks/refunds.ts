import type { Check } from '../check';
import { invariantCheck } from './invariant-check';

/** Refunds: never more than came, what was sold goes with them, and two people where it takes two (R4.4, R11.3). */

export const REFUND_CHECKS: readonly Check[] = [
  invariantCheck('INV-32', {
    id: 'order-refund-total-wrong',
    section: 'payments',
    item: 'refunds-within-payments',
    severity: 'severe',
    title: {
      zh: '订单的已退金额与其成功退款合计不一致',
      en: 'What an order says went back is not what its refunds brought back',
    },
    fix: {
      zh: '到商户平台核对该订单的退款；已退金额只能由成功的退款产生',
      en: 'Compare with the refunds in the merchant portal: only a refund that succeeded changes the amount',
    },
  }),
  invariantCheck('INV-33', {
    id: 'refund-exceeds-payment',
    section: 'payments',
    item: 'refunds-within-payments',
    severity: 'severe',
    title: { zh: '退款超过支付，或退款没有对应的支付', en: 'More goes back than came, or a refund has no payment' },
    fix: {
      zh: '停止该支付的后续退款；核对商户平台，查明多退的部分由谁发起',
      en: 'Stop further refunds of the payment; ask the merchant portal, and find who asked for what is too much',
    },
  }),
  invariantCheck('INV-34', {
    id: 'refund-leaves-benefits',
    section: 'payments',
    item: 'refunds-within-payments',
    severity: 'severe',
    title: {
      zh: '已退款订单仍保留会员期或配额，或未退款订单的权益被收回',
      en: 'A refunded order left a period or units, or something was revoked without a refund',
    },
    fix: {
      zh: '收回已退款订单的剩余权益；恢复被误收回的权益，并查明原因',
      en: 'Revoke what the refunded order left; give back what was revoked by mistake, and find out why',
    },
  }),
  invariantCheck('INV-35', {
    id: 'freeze-disagrees-with-refund',
    section: 'payments',
    item: 'refunds-within-payments',
    severity: 'severe',
    title: {
      zh: '退款冻结的配额与退款状态不一致',
      en: 'What is frozen does not agree with the refund that froze it',
    },
    fix: {
      zh: '退款成功则冻结的配额收回，否则解冻：按退款的实际结果处理',
      en: 'What was frozen ends when money went back, and thaws when it did not: follow what became of the refund',
    },
  }),
  invariantCheck('INV-36', {
    id: 'refund-without-trace',
    section: 'permissions',
    item: 'audit-trail',
    severity: 'severe',
    title: {
      zh: '退款没有审计记录或事件，或不再有人跟进',
      en: 'A refund has no trace, or nobody will follow it up',
    },
    fix: {
      zh: '没有审计记录的退款没有经过服务：核对商户平台并追查；被遗忘的退款由 advance-due-refunds 重新接管',
      en: 'A refund without audit rows did not come from the service: ask the merchant portal; have a forgotten one taken up again',
    },
  }),
  invariantCheck('INV-49', {
    id: 'refund-by-one-person',
    section: 'permissions',
    item: 'second-person',
    severity: 'severe',
    title: {
      zh: '需要复核的退款由申请人本人批准，或未经批准就发出',
      en: 'A refund for two was approved by who asked for it, or sent without approval',
    },
    fix: {
      zh: '约束 refunds_by_two 与 refunds_decided 本应拒绝：检查它们是否仍在；由第三人复核该退款',
      en: 'The constraints refunds_by_two and refunds_decided should have refused it: see whether they are there; a third person looks at it',
    },
  }),
];
