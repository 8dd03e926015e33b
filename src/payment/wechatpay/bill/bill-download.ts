import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { z } from 'zod';
import { believeFile, believeSigned, parseJson, readErrorCode } from '../client/answer';
import { unavailable, type Caller } from '../client/caller';
import type { WechatpayKeys } from '../keys';
import type { CallBudget } from '../client/retry';
import { BillNotReady, BillUnusable, WechatpayRefused } from '../wechatpay.errors';

/**
 * Fetching a bill takes two calls: a signed answer names a download address and the hash of the file; the file itself is
 * not signed, so the hash is what makes it WeChat Pay's.
 * Source: WeChat Pay API v3, 申请交易账单, 申请资金账单, 下载账单.
 */

/** Accounts that a fund-flow bill may be about. */
export type FundAccount = 'BASIC' | 'OPERATION' | 'FEES';

/** Packed, and unpacked: some hundred thousand lines. A file that grows beyond is not read on. */
const PACKED_BYTES_MAX = 16_777_216;
const BILL_BYTES_MAX = 67_108_864;

/** Packed files are much shorter. A parameter may not be sent empty, so there is none that might be. */
const PACKING = 'tar_type=GZIP';
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);
const inflate = promisify(gunzip);

/** Path and query of the question for a trade bill: payments and refunds. */
export function tradeBillPath(day: string): string {
  return `/v3/bill/tradebill?bill_date=${day}&bill_type=ALL&${PACKING}`;
}

/** Path and query of the question for a fund-flow bill. */
export function fundFlowBillPath(day: string, account: FundAccount): string {
  return `/v3/bill/fundflowbill?bill_date=${day}&account_type=${account}&${PACKING}`;
}

const linkShape = z.object({
  hash_type: z.literal('SHA1'),
  hash_value: z.string().regex(/^[0-9A-Fa-f]{40}$/),
  download_url: z.url({ protocol: /^https?$/ }).max(2048),
});

/**
 * Fetches the file of a bill, unpacked, its hash checked; undefined when WeChat Pay has none for the day. Throws
 * BillNotReady, BillUnusable, WECHATPAY_UNAVAILABLE or WechatpayRefused.
 */
export async function fetchBillFile(
  caller: Caller,
  keys: WechatpayKeys,
  bill: { readonly path: string; readonly day: string },
  budget: CallBudget,
): Promise<Buffer | undefined> {
  const link = await askForLink(caller, keys, bill, budget);
  if (link === undefined) return undefined;
  const { origin, pathname, search } = new URL(link.download_url);
  // An address elsewhere would be sent our signature, and could be any machine that we can reach.
  if (!caller.origins.includes(origin)) throw new BillUnusable('host', origin);
  const file = await unpack(await download(caller, origin, `${pathname}${search}`, budget));
  const hash = createHash('sha1').update(file).digest('hex');
  if (hash !== link.hash_value.toLowerCase()) throw new BillUnusable('hash', 'the file is not the promised one');
  return file;
}

async function askForLink(
  caller: Caller,
  keys: WechatpayKeys,
  { path, day }: { readonly path: string; readonly day: string },
  budget: CallBudget,
): Promise<z.output<typeof linkShape> | undefined> {
  try {
    const answered = await caller.call({ method: 'GET', path, believe: believeSigned(keys) }, budget);
    const link = linkShape.safeParse(parseJson(answered.body));
    if (link.success) return link.data;
    throw unavailable({
      code: readErrorCode(answered.body),
      requestId: answered.requestId,
      cause: link.error,
    });
  } catch (error) {
    if (!(error instanceof WechatpayRefused)) throw error;
    if (error.code === 'NO_STATEMENT_EXIST') return undefined;
    if (error.code === 'STATEMENT_CREATING') throw new BillNotReady(day);
    throw error;
  }
}

/** The file as it came. Its address lives for a short time only: a refusal says nothing about the bill. */
async function download(caller: Caller, origin: string, path: string, budget: CallBudget): Promise<Buffer> {
  const request = { method: 'GET', path, origin, believe: believeFile, bytesMax: PACKED_BYTES_MAX } as const;
  try {
    return (await caller.call(request, budget)).body;
  } catch (error) {
    if (!(error instanceof WechatpayRefused)) throw error;
    throw unavailable({ code: error.code, requestId: error.requestId, cause: error });
  }
}

/** Unpacks what is packed; a server that ignored the wish sent the file itself, which never begins like gzip. */
async function unpack(bytes: Buffer): Promise<Buffer> {
  if (!bytes.subarray(0, GZIP_MAGIC.length).equals(GZIP_MAGIC)) return bytes;
  try {
    return await inflate(bytes, { maxOutputLength: BILL_BYTES_MAX });
  } catch (error) {
    const isTooLong = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw new BillUnusable(isTooLong ? 'too_large' : 'packing', 'unpacking', error);
  }
}
