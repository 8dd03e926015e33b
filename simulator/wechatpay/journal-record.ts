import type { CertificatePair } from './certificate';
import type { Delivery } from './delivery';
import type { Order } from './order';
import type { Refund } from './refund';
import type { Settings } from './settings';

/** Money added to the merchant's balance, or taken out of it when negative. */
export interface Adjustment {
  readonly adjustmentId: string;
  readonly timeMs: number;
  readonly amountFen: number;
}

/** A bill waiting to be fetched once. */
export interface Download {
  readonly token: string;
  readonly expireTimeMs: number;
  readonly contentType: string;
  readonly contentBase64: string;
  readonly isSpent: boolean;
}

/** One fact of the journal; a later one of the same thing replaces an earlier. */
export type JournalRecord =
  | { readonly order: Order }
  | { readonly refund: Refund }
  | { readonly delivery: Delivery }
  | { readonly certificate: CertificatePair }
  | { readonly adjustment: Adjustment }
  | { readonly settings: Settings }
  | { readonly download: Download };

/** An order as version 0.3.0 wrote it, when there was nothing but Native payment. */
interface NativeOrder extends Order {
  readonly codeUrl: string;
  readonly codeUrlTimeMs: number;
}

/** A record as it is written today, so that the books of an older local stack still open. */
export function upgraded(record: unknown): JournalRecord {
  const known = record as JournalRecord;
  if ('order' in known && 'codeUrl' in known.order) {
    const { codeUrl: credential, codeUrlTimeMs: credentialTimeMs, ...order } = known.order as NativeOrder;
    return { order: { ...order, credential, credentialTimeMs } };
  }
  if ('delivery' in known && !('eventType' in known.delivery)) {
    return { delivery: { ...(known.delivery as Delivery), eventType: 'TRANSACTION.SUCCESS' } };
  }
  return known;
}
