import { createPublicKey, generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { checkFundFlowTotals, readFundFlowBill, readTradeSummary } from '../../src/payment/wechatpay/bill/bill';
import { readBillFile } from '../../src/payment/wechatpay/bill/bill-file';
import { readCertificates } from '../../src/payment/wechatpay/certificates';
import { createKeyRing } from '../../src/payment/wechatpay/keys';
import { verifyNotification } from '../../src/payment/wechatpay/inbox/notification-verifier';
import { appParameters, jsapiParameters, paySignMessage } from '../../src/payment/wechatpay/pay-sign';
import { refundNotificationShape } from '../../src/payment/wechatpay/refund';
import { decryptResource } from '../../src/payment/wechatpay/resource-cipher';
import {
  authorizationHeader,
  requestMessage,
  responseMessage,
  signMessage,
  verifySignature,
} from '../../src/payment/wechatpay/signature';
import { findSignatureFault } from '../../src/payment/wechatpay/signed-message';
import { transactionShape } from '../../src/payment/wechatpay/transaction';
import { signedHeaders } from '../unit/payment/wechat-signer';

/**
 * Our signature and cipher code against official and constructed WeChat Pay vectors, from the file that the
 * environment variable WECHATPAY_VECTORS names. Without the variable there is nothing to compare with.
 */
const path = process.env['WECHATPAY_VECTORS'];

/** One vector. Beside id and category it has the fields of its category only. */
interface Vector {
  readonly id: string;
  readonly category: string;
  readonly key: string;
  readonly verify_with?: readonly string[];
  readonly message: string;
  readonly negative_messages: readonly string[];
  readonly expected_signature: string;
  readonly method: string;
  readonly canonical_url: string;
  readonly request_url: string;
  readonly timestamp: string;
  readonly nonce_str: string;
  readonly body: string;
  readonly mchid: string;
  readonly serial_no: string;
  readonly header_template: string;
  readonly cases: readonly Pick<Vector, 'method' | 'canonical_url' | 'body' | 'message'>[];
  readonly headers: Record<string, string>;
  readonly apiv3_key: string;
  readonly freeze_clock_at: number;
  readonly key_utf8: string;
  readonly nonce: string;
  readonly associated_data: string;
  readonly ciphertext: string;
  readonly expected_plaintext: string;
  readonly expected_resource_plaintext: string;
  readonly expected_outcome: string;
  readonly json: { readonly event_type: string; readonly resource: unknown };
  readonly appId: string;
  readonly timeStamp: string;
  readonly nonceStr: string;
  /** The last line of a JSAPI pay-sign. */
  readonly package?: string;
  /** The last line of an APP pay-sign. */
  readonly prepayId: string;
  readonly client_params: Readonly<Record<string, string>>;
  readonly text: string;
  readonly expect: { readonly columns: number; readonly data_rows_shown: number };
  readonly summary_header: string;
  readonly summary_values: string;
  readonly expected_serials: readonly string[];
  readonly decrypted_certificates: readonly string[];
}
interface VectorFile {
  readonly keys: Record<string, { readonly pem: string }>;
  readonly vectors: readonly Vector[];
}

const file: VectorFile =
  path === undefined ? { keys: {}, vectors: [] } : (JSON.parse(readFileSync(path, 'utf8')) as VectorFile);

const publicKey = (name: string): KeyObject => createPublicKey(file.keys[name]!.pem);
const lowerCase = (headers: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

/** The request message of a vector, or of one of its cases. */
function messageOf(vector: Vector, canonicalUrl: string, part: Pick<Vector, 'method' | 'body'> = vector): Buffer {
  const { timestamp, nonce_str: nonce } = vector;
  return requestMessage({ method: part.method, canonicalUrl, timestamp, nonce, body: Buffer.from(part.body) });
}

/** Verifies what a notification vector carries and gives its decrypted resource. */
async function openNotification(vector: Vector): Promise<string> {
  const headers = lowerCase(vector.headers);
  const name = vector.verify_with?.[0] ?? '';
  const pem = publicKey(name).export({ type: 'spki', format: 'pem' }).toString();
  const keys = createKeyRing([{ serial: headers['wechatpay-serial']!, pem }]);
  const now = new Date(Number(vector.freeze_clock_at) * 1_000);
  const envelope = await verifyNotification(headers, Buffer.from(vector.body), { keys, now, ageMaxSeconds: 300 });
  return decryptResource(envelope.resource, vector.apiv3_key).toString('utf8');
}

const checks: Record<string, (vector: Vector) => void | Promise<void>> = {
  'request-signature': (vector) => {
    const message = messageOf(vector, vector.canonical_url);
    expect(message.toString()).toBe(vector.message);
    // The file holds public halves only; the signature is deterministic, so verifying it is reproducing it.
    expect(verifySignature(publicKey(vector.key), message, vector.expected_signature)).toBe(true);
    expect(verifySignature(publicKey(vector.key), Buffer.concat([message, message]), vector.expected_signature)).toBe(
      false,
    );
  },
  'raw-signature': (vector) => {
    const names: string[] = [vector.key, ...(vector.verify_with ?? [])];
    for (const name of names) {
      expect(verifySignature(publicKey(name), Buffer.from(vector.message), vector.expected_signature)).toBe(true);
      for (const other of vector.negative_messages) {
        expect(verifySignature(publicKey(name), Buffer.from(other), vector.expected_signature)).toBe(false);
      }
    }
  },
  'authorization-format': (vector) => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    for (const part of vector.cases) {
      const message = messageOf(vector, part.canonical_url, part);
      expect(message.toString()).toBe(part.message);
      const signature = signMessage(privateKey, message);
      const header = authorizationHeader({
        mchid: vector.mchid,
        merchantSerial: vector.serial_no,
        timestamp: vector.timestamp,
        nonce: vector.nonce_str,
        signature,
      });
      const values = [
        'WECHATPAY2-SHA256-RSA2048',
        vector.mchid,
        vector.nonce_str,
        vector.timestamp,
        vector.serial_no,
        signature,
      ];
      const template = vector.header_template.replace('<schema>', '..');
      expect(header).toBe(values.reduce<string>((text, value) => text.replace('..', String(value)), template));
    }
  },
  'message-format': (vector) => {
    const { pathname, search } = new URL(vector.request_url);
    expect(messageOf(vector, `${pathname}${search}`).toString()).toBe(vector.message);
  },
  'aes-gcm': (vector) => {
    const resource = {
      algorithm: 'AEAD_AES_256_GCM',
      ciphertext: vector.ciphertext,
      associatedData: vector.associated_data,
      nonce: vector.nonce,
    };
    expect(decryptResource(resource, vector.key_utf8).toString('utf8')).toBe(vector.expected_plaintext);
    expect(() => decryptResource({ ...resource, associatedData: 'other' }, vector.key_utf8)).toThrow();
  },
  callback: async (vector) => {
    expect(vector.expected_outcome).toMatch(/^accept/);
    const told = await openNotification(vector);
    expect(told).toBe(vector.expected_resource_plaintext);
    const fields = JSON.parse(told) as Record<string, unknown>;
    const shape = 'refund_status' in fields ? refundNotificationShape : transactionShape;
    expect(shape.parse(fields)).toMatchObject({ mchid: fields['mchid'], outTradeNo: fields['out_trade_no'] });
  },
  'callback-negative': async (vector) => {
    expect(vector.expected_outcome).toMatch(/^reject/);
    await expect(openNotification(vector)).rejects.toThrow(
      expect.objectContaining({ name: 'NotificationRefused', httpStatus: 401 }),
    );
  },
  'response-signature': (vector) => {
    const headers = lowerCase(vector.headers);
    const body = Buffer.from(vector.body);
    const key = publicKey(vector.key);
    const { 'wechatpay-timestamp': timestamp, 'wechatpay-nonce': nonce, 'wechatpay-serial': serial } = headers;
    expect(responseMessage(timestamp!, nonce!, body).toString()).toBe(vector.message);
    const policy = { keys: new Map([[serial!, key]]), now: new Date(Number(timestamp) * 1_000), ageMaxSeconds: 300 };
    expect(findSignatureFault(headers, body, policy)).toBeNull();
    expect(findSignatureFault(headers, Buffer.concat([body, Buffer.from(' ')]), policy)).toBe('signature_invalid');
  },
  'sample-json': async (vector) => {
    const sample = vector.json;
    const { privateKey, publicKey: key } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const now = new Date('2026-07-01T04:00:05Z');
    const pem = key.export({ type: 'spki', format: 'pem' }).toString();
    const policy = { keys: createKeyRing([{ serial: 'PUB_KEY_ID_1', pem }]), now, ageMaxSeconds: 300 };
    const text = JSON.stringify(sample);
    const headers = signedHeaders(privateKey, text, now, 'PUB_KEY_ID_1');
    await expect(verifyNotification(headers, Buffer.from(text), policy)).resolves.toMatchObject({
      eventType: sample.event_type,
    });
  },
  'pay-signature': (vector) => {
    const { appId, timeStamp, nonceStr, client_params: client, expected_signature: signature } = vector;
    const message = paySignMessage(appId, { timestamp: timeStamp, nonce: nonceStr }, vector.package ?? vector.prepayId);
    expect(message.toString()).toBe(vector.message);
    expect(verifySignature(publicKey(vector.key), message, signature)).toBe(true);
    expect(verifySignature(publicKey(vector.key), Buffer.from(`${vector.message}\n`), signature)).toBe(false);
    // The merchant's private key is not in the file, so all but the signature itself is compared.
    const { privateKey: merchantKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const stamp = { timestamp: timeStamp, nonce: nonceStr };
    const payer = { appid: appId, mchid: client['partnerid'] ?? '', merchantKey, stamp };
    const ours =
      vector.package === undefined
        ? { ...appParameters(vector.prepayId, payer), sign: signature }
        : { ...jsapiParameters(vector.package.replace('prepay_id=', ''), payer), paySign: signature };
    expect(ours).toEqual(client);
  },
  'bill-csv': (vector) => {
    for (const text of [vector.text, `\uFEFF${vector.text}`, vector.text.replaceAll('\n', '\r\n')]) {
      const bill = readFundFlowBill('2018-02-01', Buffer.from(text));
      expect(bill.lines).toHaveLength(vector.expect.data_rows_shown);
      expect(bill.lines[0]).toEqual({
        time: new Date('2018-02-01T04:21:23+08:00'),
        businessId: '50000305742018020103387128253',
        flowId: '1900009231201802015884652186',
        businessName: '退款',
        businessType: '退款',
        direction: 'expense',
        amount: 2,
        balance: 17,
        note: '缺货',
        voucherId: 'REF4200000068201801293084726067',
      });
      const summary = { count: 20, incomeCount: 17, incomeAmount: 35, expenseCount: 3, expenseAmount: 18 };
      expect(bill.summary).toEqual(summary);
      // The documentation prints one line of twenty: a bill that lost lines is found.
      expect(() => checkFundFlowTotals(bill)).toThrow(expect.objectContaining({ fault: 'totals' }));
    }
    expect(vector.text.split('\n')[0]!.split(',')).toHaveLength(vector.expect.columns);
  },
  'bill-csv-fragment': (vector) => {
    // The fragment is the end of a bill, which is given a beginning.
    const file = `交易时间\n${vector.summary_header}\n${vector.summary_values}\n`;
    expect(readTradeSummary(readBillFile(Buffer.from(file)).summary)).toEqual({
      count: 12,
      settlementAmount: 6,
      orderAmount: 6,
      refundAmount: 6,
      requestedRefundAmount: 6,
      fee: 0,
    });
  },
  'certificates-response': (vector) => {
    const certificates = readCertificates(Buffer.from(vector.body), vector.apiv3_key);
    expect(certificates.map(({ serial }) => serial)).toEqual(vector.expected_serials);
    const expected = vector.decrypted_certificates.map((pem) => new X509Certificate(pem));
    certificates.forEach(({ publicKey: key, expireTime }, i) => {
      expect(key.equals(expected[i]!.publicKey)).toBe(true);
      expect(expireTime).toEqual(new Date(expected[i]!.validTo));
    });
    expect(() => readCertificates(Buffer.from(vector.body), 'B'.repeat(32))).toThrow();
  },
};

(path === undefined ? describe.skip : describe)('WeChat Pay vectors (WECHATPAY_VECTORS names the file)', () => {
  test('there are some, and every category is covered here', () => {
    const unknown = file.vectors.filter(({ category }) => !Object.hasOwn(checks, category));
    expect(unknown.map(({ category }) => category)).toEqual([]);
    expect(file.vectors.length).toBeGreaterThan(0);
  });

  for (const vector of file.vectors) {
    test(`${vector.category}: ${vector.id}`, async () => {
      const check = checks[vector.category];
      expect(check).toBeDefined();
      await check?.(vector);
    });
  }
});
