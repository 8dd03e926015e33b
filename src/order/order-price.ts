import { fen, type Fen } from '../platform/money';
import type { PlanOffer } from '../catalog';
import type { GroundedCredit, Upgrade } from './judge-upgrade';

/** What an order costs before its coupon. */
export interface OrderPrice {
  readonly offer: PlanOffer;
  /** What an upgrade credits, and of which orders. */
  readonly creditAmount: Fen;
  readonly credits: readonly GroundedCredit[];
  /** The plan's price, less the credit. */
  readonly originalAmount: Fen;
}

export function priceOfPurchase(offer: PlanOffer): OrderPrice {
  return { offer, creditAmount: fen(0), credits: [], originalAmount: offer.price };
}

export function priceOfUpgrade(offer: PlanOffer, upgrade: Upgrade): OrderPrice {
  return { offer, ...upgrade };
}
