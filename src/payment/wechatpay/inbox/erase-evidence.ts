import type { FieldCipher } from '../../../platform/crypto/field-cipher';
import { placeIn } from '../../../platform/crypto/sealed-column';
import { expectRows } from '../../../platform/db/rows';
import type { Tx } from '../../../platform/db/tx';
import { BODY_COLUMN, type Evidence } from './inbox';
import { redactEvidence } from './redact-evidence';

interface BodyRow {
  readonly id: string;
  readonly inboxId: string;
  readonly sealedBody: Buffer;
}

/**
 * Takes what names the payer out of the evidence of what WeChat Pay told about orders, in the transaction of an erasure that
 * is running. Returns how much evidence had it.
 */
export async function eraseEvidence(
  tx: Tx,
  cipher: FieldCipher,
  orderIds: readonly string[],
  now: Date,
): Promise<number> {
  const ids: readonly { readonly id: string }[] = await tx('wechatpay_notifications')
    .whereIn('orderId', [...orderIds])
    .select('id');
  const inboxIds = ids.map(({ id }) => id);
  const rows = await tx<BodyRow>(BODY_COLUMN.table)
    .whereIn('inboxId', inboxIds)
    .orderBy('id')
    .select('id', 'sealedBody')
    .forUpdate();
  let erased = 0;
  for (const { id, sealedBody } of rows) {
    const place = placeIn(BODY_COLUMN, id);
    const redacted = redactEvidence(JSON.parse(cipher.decrypt(sealedBody, place)) as Evidence, now);
    if (redacted === undefined) continue;
    const sealed = { sealedBody: cipher.encrypt(JSON.stringify(redacted), place) };
    expectRows(await tx<BodyRow>(BODY_COLUMN.table).where({ id }).update(sealed), 1, `evidence ${id}`);
    erased += 1;
  }
  return erased;
}
