import { createVerify } from 'node:crypto';
import { appParameters, jsapiParameters } from '../../../src/payment/wechatpay/pay-sign';
import { makeKeyPair } from './wechat-signer';

const { privateKey: merchantKey, publicKey } = makeKeyPair();
const stamp = { timestamp: '1414561699', nonce: '5K8264ILTKCH16CQ2502SI8ZNMTM67VS' };
const payer = { appid: 'wxd678efb567ab6787', mchid: '1900007291', merchantKey, stamp };
const prepayId = 'wx201410272009395522657a690389285100';

const isSignedOver = (message: string, signature: string): boolean =>
  createVerify('sha256').update(message).verify(publicKey, signature, 'base64');

test('JSAPI: the fourth line signed is prepay_id=…, and the time is a string', () => {
  const { paySign, ...rest } = jsapiParameters(prepayId, payer);
  expect(rest).toEqual({
    appId: 'wxd678efb567ab6787',
    timeStamp: '1414561699',
    nonceStr: '5K8264ILTKCH16CQ2502SI8ZNMTM67VS',
    package: `prepay_id=${prepayId}`,
    signType: 'RSA',
  });
  const lines = ['wxd678efb567ab6787', '1414561699', '5K8264ILTKCH16CQ2502SI8ZNMTM67VS', `prepay_id=${prepayId}`];
  expect(isSignedOver(`${lines.join('\n')}\n`, paySign)).toBe(true);
  expect(isSignedOver(lines.join('\n'), paySign)).toBe(false);
});

test('APP: the fourth line signed is the bare prepay_id, though package says Sign=WXPay', () => {
  const { sign, ...rest } = appParameters(prepayId, payer);
  expect(rest).toEqual({
    appid: 'wxd678efb567ab6787',
    partnerid: '1900007291',
    prepayid: prepayId,
    package: 'Sign=WXPay',
    noncestr: '5K8264ILTKCH16CQ2502SI8ZNMTM67VS',
    timestamp: '1414561699',
  });
  const lines = ['wxd678efb567ab6787', '1414561699', '5K8264ILTKCH16CQ2502SI8ZNMTM67VS', prepayId];
  expect(isSignedOver(`${lines.join('\n')}\n`, sign)).toBe(true);
});
