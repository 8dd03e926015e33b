import fc from 'fast-check';
import {
  authorizationHeader,
  requestMessage,
  responseMessage,
  signMessage,
  verifySignature,
} from '../../../src/payment/wechatpay/signature';
import { makeKeyPair } from './wechat-signer';

const { privateKey, publicKey } = makeKeyPair();

test('a request message is five lines, and a body that ends in LF still gets one more', () => {
  const parts = { method: 'POST', canonicalUrl: '/v3/x?mchid=1', timestamp: '1554208460', nonce: 'N' };
  expect(requestMessage({ ...parts, body: Buffer.from('{}\n') }).toString()).toBe(
    'POST\n/v3/x?mchid=1\n1554208460\nN\n{}\n\n',
  );
  expect(requestMessage({ ...parts, body: Buffer.alloc(0) }).toString()).toBe('POST\n/v3/x?mchid=1\n1554208460\nN\n\n');
});

test('a response message keeps the raw bytes, also those that are no UTF-8', () => {
  const body = Buffer.from([0xff, 0x00, 0x0a]);
  expect(responseMessage('1', 'n', body)).toEqual(Buffer.concat([Buffer.from('1\nn\n'), body, Buffer.from('\n')]));
});

test('the Authorization header has the documented form', () => {
  const header = authorizationHeader({
    mchid: '1900007291',
    merchantSerial: 'AB',
    timestamp: '1554208460',
    nonce: 'N1',
    signature: 'c2ln',
  });
  expect(header).toBe(
    'WECHATPAY2-SHA256-RSA2048 mchid="1900007291",nonce_str="N1",timestamp="1554208460",serial_no="AB",signature="c2ln"',
  );
});

test('what is signed verifies, and with any single bit of the message flipped it does not', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.nat(), (bytes, position) => {
      const message = Buffer.from(bytes);
      const signature = signMessage(privateKey, message);
      expect(signature).toHaveLength(344);
      expect(verifySignature(publicKey, message, signature)).toBe(true);
      const bit = position % (message.length * 8);
      message[bit >> 3] = message[bit >> 3]! ^ (1 << (bit & 7));
      expect(verifySignature(publicKey, message, signature)).toBe(false);
    }),
    { numRuns: 50 },
  );
});

test('a signature in anything but canonical base64 is refused, though a lenient decoder would read it', () => {
  const message = Buffer.from('message');
  const signature = signMessage(privateKey, message);
  const variants = [
    `${signature}\n`,
    ` ${signature}`,
    `${signature.slice(0, 10)}*${signature.slice(10)}`,
    signature.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, ''),
    signature.replace(/=+$/, ''),
    `${signature}AAAA`,
    '',
    '====',
  ];
  for (const variant of variants) expect(verifySignature(publicKey, message, variant)).toBe(false);
});
