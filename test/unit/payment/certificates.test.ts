import { readCertificates } from '../../../src/payment/wechatpay/certificates';
import { certificateEntry, certificatesBody, makeCertificate } from './platform-certificate';
import { APIV3_KEY } from './wechat-signer';

const older = makeCertificate('4A');
const newer = makeCertificate('0B');
const read = (data: unknown, key = APIV3_KEY) =>
  readCertificates(Buffer.from(typeof data === 'string' ? data : JSON.stringify({ data })), key);

test('every certificate is told with its serial, its key and its own end, leading zeros included', () => {
  const told = read(certificatesBody(older, newer));
  expect(told.map(({ serial }) => serial)).toEqual([older.serial, newer.serial]);
  told.forEach(({ publicKey, expireTime }, i) => {
    expect(publicKey.equals([older, newer][i]!.publicKey)).toBe(true);
    expect(expireTime).toEqual([older, newer][i]!.expireTime);
  });
});

test('one that can not be read does not hide the others', () => {
  const good = certificateEntry(newer.pem, newer.serial);
  const strange = [null, 7, {}, { ...good, serial_no: older.serial }, { ...good, serial_no: 'PUB_KEY_ID_1' }];
  expect(read([...strange, good, ...strange]).map(({ serial }) => serial)).toEqual([newer.serial]);
});

test('none at all is an error that says why', () => {
  const good = certificateEntry(newer.pem, newer.serial);
  expect(() => read([good], 'B'.repeat(32))).toThrow(expect.objectContaining({ fault: 'authentication' }));
  expect(() => read([{ ...good, serial_no: older.serial }])).toThrow(older.serial);
  const weak = makeCertificate('4C', 30, 1_024);
  expect(() => read([certificateEntry(weak.pem, weak.serial)])).toThrow(/not RSA of 2048/);
  expect(() => read([certificateEntry('no certificate', newer.serial)])).toThrow();
  expect(() => read([])).toThrow(/no platform certificate/);
  expect(() => read('{}')).toThrow();
  expect(() => read('<html>')).toThrow();
});
