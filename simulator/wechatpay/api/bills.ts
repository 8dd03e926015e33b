import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { invalidRequest } from '../api-error';
import { billDay, noStatement, type BillDay } from '../bills/bill-day';
import { billFile, type Bill } from '../bills/bill-file';
import { ACCOUNT_TYPES, fundFlowBill, type AccountType } from '../bills/fund-flow-bill';
import { TRADE_BILL_TYPES, tradeBill, type TradeBillType } from '../bills/trade-bill';
import { randomAlphanumeric } from '../identifiers';
import type { ApiAnswer, ApiCall, ApiContext, Operation } from './operation';
import { oneOf, readQuery, type QueryRule } from './parameters';

const BILL_DATE: QueryRule = {
  isRequired: true,
  check: (value) => (/^\d{4}-\d{2}-\d{2}$/.test(value) ? undefined : '格式应为 YYYY-MM-DD'),
};
const TAR_TYPE = oneOf('GZIP');

/** Payments and refunds of a day. */
export const getTradeBill: Operation = {
  method: 'get',
  path: '/v3/bill/tradebill',
  perform: (context, call) => {
    const rules = { bill_date: BILL_DATE, bill_type: oneOf(...TRADE_BILL_TYPES), tar_type: TAR_TYPE };
    const { bill_type: type = 'ALL', ...rest } = readQuery(call.query, rules);
    return prepare(context, call, rest, (day) => tradeBill(context.books, day, type as TradeBillType));
  },
};

/** Movements of an account on a day. */
export const getFundFlowBill: Operation = {
  method: 'get',
  path: '/v3/bill/fundflowbill',
  perform: (context, call) => {
    const rules = { bill_date: BILL_DATE, account_type: oneOf(...ACCOUNT_TYPES), tar_type: TAR_TYPE };
    const { account_type: account = 'BASIC', ...rest } = readQuery(call.query, rules);
    return prepare(context, call, rest, (day) => fundFlowBill(context.books, day, account as AccountType));
  },
};

const DOWNLOAD_PATH = '/v3/billdownload/file';
const TOKEN_LIFE_MS = 300_000;

/** Makes the file, and a token with which it can be fetched once. */
function prepare(
  { books, clock }: ApiContext,
  { origin }: ApiCall,
  wanted: { readonly bill_date?: string; readonly tar_type?: string },
  makeBill: (day: BillDay) => Bill,
): ApiAnswer {
  const now = clock.now();
  const bill = makeBill(billDay(wanted.bill_date ?? '', now));
  if (bill.rows.length === 0) throw noStatement();
  const plain = billFile(bill);
  const isZipped = wanted.tar_type === 'GZIP';
  const token = randomAlphanumeric(64);
  books.putDownload({
    token,
    expireTimeMs: now.getTime() + TOKEN_LIFE_MS,
    contentType: isZipped ? 'application/x-gzip' : 'text/plain',
    contentBase64: (isZipped ? gzipSync(plain) : plain).toString('base64'),
    isSpent: false,
  });
  const download_url = `${origin}${DOWNLOAD_PATH}?token=${token}${isZipped ? '&tartype=gzip' : ''}`;
  // Over what is inside, also when it is zipped.
  const hash_value = createHash('sha1').update(plain).digest('hex');
  return { status: 200, body: { hash_type: 'SHA1', hash_value, download_url } };
}

/** The only answer without a signature: its hash was signed before. */
export const downloadBill: Operation = {
  method: 'get',
  path: DOWNLOAD_PATH,
  perform: ({ books, clock }, call) => {
    const rules = { token: { isRequired: true, check: () => undefined }, tartype: oneOf('gzip') } as const;
    const { token = '' } = readQuery(call.query, rules);
    const download = books.download(token);
    if (download === undefined || clock.now().getTime() > download.expireTimeMs) {
      throw invalidRequest('token无效或已过期，请重新申请账单');
    }
    books.putDownload({ ...download, contentBase64: '', isSpent: true });
    const { contentType, contentBase64 } = download;
    return { status: 200, body: undefined, file: { contentType, bytes: Buffer.from(contentBase64, 'base64') } };
  },
};
