import {
  OrderCloseReason,
  OrderKind,
  OrderStatus,
  PaymentChannel,
  type CreateOrderResponse,
} from '../../src/gen/billing/v1/order_service.pb';

/** A row of `orders` as it is written here, by its columns; what is not named is NULL or its default. */
export interface OrderedRow {
  readonly id: string;
  readonly user_id: string;
  readonly status: string;
  readonly channel: string;
  readonly plan_id: string;
  readonly plan_price_id: number;
  readonly plan_name: string;
  readonly period_unit: string;
  readonly period_count: number;
  readonly quota_units: number;
  readonly features: string;
  readonly list_amount: number;
  readonly original_amount: number;
  readonly discount_amount: number;
  readonly final_amount: number;
  readonly currency: string;
  readonly tax_rate_basis_points: number;
  readonly net_amount: number;
  readonly tax_amount: number;
  readonly notify_url: string;
  readonly create_time: Date;
  readonly expire_time: Date;
  readonly prepay_deadline: Date;
  readonly next_check_time: Date;
}

/** The answer to a request that made this order, or had made it before, once it can be paid. */
export function toCreateOrderResponse(row: OrderedRow, codeUrl: string, replayed: boolean): CreateOrderResponse {
  return {
    order: {
      orderId: row.id,
      userId: row.user_id,
      planId: row.plan_id,
      planName: row.plan_name,
      quotaUnits: row.quota_units,
      status: OrderStatus.PENDING,
      channel: PaymentChannel.NATIVE,
      originalAmount: row.original_amount,
      discountAmount: row.discount_amount,
      finalAmount: row.final_amount,
      refundedAmount: 0,
      currency: row.currency,
      taxRateBasisPoints: row.tax_rate_basis_points,
      netAmount: row.net_amount,
      taxAmount: row.tax_amount,
      couponId: '',
      transactionId: '',
      createTime: row.create_time,
      expireTime: row.expire_time,
      paidTime: undefined,
      closeReason: OrderCloseReason.UNSPECIFIED,
      invoiceReference: '',
      kind: OrderKind.PURCHASE,
      listAmount: row.list_amount,
      creditAmount: 0,
    },
    payment: { method: { $case: 'native', value: { codeUrl } } },
    replayed,
  };
}
