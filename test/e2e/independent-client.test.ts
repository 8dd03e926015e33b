import { Aes, Formatter, Hash, Rsa, Wechatpay } from 'wechatpay-axios-plugin';
import { gunzipSync } from 'node:zlib';
import { systemClock, type Clock } from '../../src/platform/clock';
import { Merchant } from '../integration/simulator/support/merchant';
import { Stage, payQuietly, untilRefunded } from '../integration/simulator/support/stage';

/**
 * The local WeChat Pay against a client that neither we nor it wrote: what an unchanged library signs is accepted, and what
 * it verifies and decrypts is right. So the protocol that our own client is tested with is not one of our imagination.
 */

const NOTIFY_URL = 'https://merchant.example/notify';
const DAY_MS = 86_400_000;

/** Two days ago until it is moved to the present, which the library lives in. */
class CatchingUpClock implements Clock {
  private offsetMs = -2 * DAY_MS;

  now(): Date {
    return new Date(systemClock.now().getTime() + this.offsetMs);
  }

  machineNow(): Date {
    return systemClock.machineNow();
  }

  catchUp(): void {
    this.offsetMs = 0;
  }
}

let stage: Stage;
let simulatorUrl: string;
let clock: CatchingUpClock;
/** Requests made by hand, for what lies in the past. */
let merchant: Merchant;
/** The business day on which PAST_00001 was paid and partly refunded. */
let pastDay: string;

beforeAll(async () => {
  stage = new Stage();
  clock = new CatchingUpClock();
  simulatorUrl = (await stage.simulator({ clock })).url;
  merchant = new Merchant(stage.material, simulatorUrl, clock);
  await payQuietly(merchant, 'PAST_00001');
  await merchant.refund('PAST_00001', 'PAST_R1', 4950);
  await untilRefunded(merchant, 'PAST_R1', 'SUCCESS');
  pastDay = new Date(clock.now().getTime() + 8 * 3_600_000).toISOString().slice(0, 10);
  clock.catchUp();
});
afterAll(() => stage.close());

type Certificates = Record<string, ReturnType<typeof Rsa.from>>;

function clientOf(certs: Certificates, headers: Record<string, string> = {}): Wechatpay {
  const { mchid, merchantSerial: serial, merchantKey } = stage.material;
  const privateKey = merchantKey.export({ type: 'pkcs8', format: 'pem' });
  return new Wechatpay({ mchid, serial, privateKey, certs, baseURL: `${simulatorUrl}/`, headers });
}

/** Verifies with the static public key, and asks for answers signed with it. */
function publicKeyClient(): Wechatpay {
  const { publicKeyId, wechatKeys } = stage.material;
  return clientOf({ [publicKeyId]: wechatKeys.get(publicKeyId)! }, { 'Wechatpay-Serial': publicKeyId });
}

/** Learns the platform certificates as a merchant without any does: those inside the answer verify the answer. */
async function certificateClient(): Promise<{ client: Wechatpay; serials: string[] }> {
  const certs: Certificates = {};
  const collect = (text: string, headers: Record<string, string>): unknown => {
    const { data } = JSON.parse(text) as { data: { serial_no: string; encrypt_certificate: Record<string, string> }[] };
    for (const { serial_no, encrypt_certificate: sealed } of data) {
      const { ciphertext = '', nonce = '', associated_data: aad = '' } = sealed;
      const pem = Aes.AesGcm.decrypt(ciphertext, stage.material.apiv3Key, nonce, aad);
      certs[serial_no] = Rsa.from(pem, Rsa.KEY_TYPE_PUBLIC);
    }
    const header = (name: string): string => headers[`wechatpay-${name}`] ?? '';
    const signed = Formatter.response(header('timestamp'), header('nonce'), text);
    expect(Rsa.verify(signed, header('signature'), certs[header('serial')]!)).toBe(true);
    return data;
  };
  const anyKey = { any: stage.material.wechatKeys.get(stage.material.publicKeyId)! };
  await clientOf(anyKey)
    .chain('v3/certificates')
    .get({ transformResponse: [collect] });
  return { client: clientOf(certs), serials: Object.keys(certs) };
}

/** Everything a shop does with one order, in the words of the library. */
async function shop(client: Wechatpay, prefix: string): Promise<void> {
  const { appid, mchid } = stage.material;
  const params = { mchid };
  const prepay = async (outTradeNo: string): Promise<void> => {
    const amount = { total: 9900, currency: 'CNY' };
    const order = { appid, mchid, description: '月度会员', out_trade_no: outTradeNo, notify_url: NOTIFY_URL, amount };
    const { data } = await client.chain('v3/pay/transactions/native').post<object>(order);
    expect(data).toEqual({ code_url: expect.stringMatching(/^weixin:/) });
  };
  const query = async (outTradeNo: string): Promise<unknown> =>
    (await client.chain(`v3/pay/transactions/out-trade-no/${outTradeNo}`).get({ params })).data;

  await prepay(`${prefix}_SHUT1`);
  expect(await query(`${prefix}_SHUT1`)).toMatchObject({ trade_state: 'NOTPAY' });
  const close = client.chain('v3/pay/transactions/out-trade-no/{out_trade_no}/close');
  expect((await close.post({ mchid }, { out_trade_no: `${prefix}_SHUT1` })).status).toBe(204);
  expect(await query(`${prefix}_SHUT1`)).toMatchObject({ trade_state: 'CLOSED' });

  await prepay(`${prefix}_PAID1`);
  const paid = await merchant.control('POST', '/pay', { order_id: `${prefix}_PAID1`, drop: true });
  const byTransaction = client.chain(`v3/pay/transactions/id/${String(paid.json['transaction_id'])}`);
  expect((await byTransaction.get({ params })).data).toEqual(await query(`${prefix}_PAID1`));
  await expect(close.post({ mchid }, { out_trade_no: `${prefix}_PAID1` })).rejects.toMatchObject({
    response: { status: 400, data: { code: 'ORDER_PAID' } },
  });

  const amount = { refund: 900, total: 9900, currency: 'CNY' };
  const refund = { out_trade_no: `${prefix}_PAID1`, out_refund_no: `${prefix}_R1`, amount };
  const created = await client.chain('v3/refund/domestic/refunds').post<object>(refund);
  expect(created.data).toMatchObject({ status: 'PROCESSING', amount: { refund: 900 } });
  await untilRefunded(merchant, `${prefix}_R1`, 'SUCCESS');
  const queried = await client.chain(`v3/refund/domestic/refunds/${prefix}_R1`).get();
  expect(queried.data).toMatchObject({ status: 'SUCCESS', out_trade_no: `${prefix}_PAID1` });
  expect(await query(`${prefix}_PAID1`)).toMatchObject({ trade_state: 'REFUND' });
}

/** Fetches the past day's bill; `tar_type` as the library's user gives it. */
async function fetchBill(client: Wechatpay, path: string, zipped: object): Promise<ReturnType<typeof castBill>> {
  type Told = { hash_type: string; hash_value: string; download_url: string };
  const { data } = await client.chain(path).get<Told>({ params: { bill_date: pastDay, ...zipped } });
  const { searchParams } = new URL(data.download_url);
  const params = Object.fromEntries(searchParams);
  const file = await client.chain('v3/billdownload/file').get<Buffer>({ params, responseType: 'arraybuffer' });
  const plain = 'tar_type' in zipped ? gunzipSync(file.data) : file.data;
  expect([data.hash_type, Hash.sha1(plain)]).toEqual(['SHA1', data.hash_value]);
  return castBill(plain);
}

function castBill(plain: Buffer): { rows: Record<string, string>[]; summary: Record<string, string> } {
  return Formatter.castCsvBill(plain) as ReturnType<typeof castBill>;
}

async function checkBills(client: Wechatpay): Promise<void> {
  for (const zipped of [{}, { tar_type: 'GZIP' }]) {
    const trades = await fetchBill(client, 'v3/bill/tradebill', zipped);
    expect(trades.rows.map((row) => [row['商户订单号'], row['交易状态'], row['手续费']])).toEqual([
      ['PAST_00001', 'SUCCESS', '0.59000'],
      ['PAST_00001', 'REFUND', '-0.30000'],
    ]);
    expect(trades.summary).toMatchObject({ 总交易单数: '2', 订单总金额: '99.00', 申请退款总金额: '49.50' });
    const flow = await fetchBill(client, 'v3/bill/fundflowbill', zipped);
    expect(flow.summary).toMatchObject({ 资金流水总笔数: '4', 收入金额: '99.30', 支出金额: '50.09' });
  }
}

describe('wechatpay-axios-plugin works with the local WeChat Pay, unchanged', () => {
  test('in public-key mode: prepay, query, close, refund, bills', async () => {
    const client = publicKeyClient();
    await shop(client, 'PUB');
    await checkBills(client);
  });

  test('in certificate mode: it decrypts the certificates and verifies with them, also after a rotation', async () => {
    const before = await certificateClient();
    expect(before.serials).toEqual([stage.material.platformSerial]);
    await shop(before.client, 'CRT');
    await checkBills(before.client);
    await merchant.control('POST', '/keys/rotate', {});
    await expect(before.client.chain('v3/certificates').get()).rejects.toMatchObject({
      code: 'EV3_RES_HEADER_PLATFORM_SERIAL',
    });
    const after = await certificateClient();
    expect(after.serials).toHaveLength(2);
    await shop(after.client, 'NEW');
  });

  test.each([
    ['badsign', 'EV3_RES_HEADER_SIGNATURE_DIGEST'],
    ['unsigned', 'EV3_RES_HEADERS_INCOMPLATE'],
  ])('it notices a %s answer by itself', async (name, code) => {
    await merchant.control('POST', '/fault', { name });
    const target = publicKeyClient().chain('v3/pay/transactions/out-trade-no/PAST_00001');
    await expect(target.get({ params: { mchid: stage.material.mchid } })).rejects.toMatchObject({ code });
  });
});
