import { readFileSync } from 'node:fs';
import { CORRUPTIONS } from '../../../simulator/wechatpay/corruption';
import { FAULT_NAMES } from '../../../simulator/wechatpay/faults';
import { Stage } from './support/stage';

const README = readFileSync('simulator/wechatpay/README.md', 'utf8');

/** The words in the first column of the tables, which hold several where they share a row. */
const FIRST_COLUMN = new Set(
  [...README.matchAll(/^\| ([^|]+) \|/gm)].flatMap(([, cell = '']) => cell.trim().split(', ')),
);

describe('the README of the local WeChat Pay', () => {
  test('says what each corruption does', () => {
    expect(CORRUPTIONS.filter((name) => !FIRST_COLUMN.has(name))).toEqual([]);
  });

  test('says what each fault does', () => {
    const explained = (name: string): boolean =>
      FIRST_COLUMN.has(name) || CORRUPTIONS.some((corruption) => name === `callback-${corruption}`);
    expect(FAULT_NAMES.filter((name) => !explained(name))).toEqual([]);
  });

  test('names every control endpoint that there is, and none that there is not', async () => {
    const stage = new Stage();
    const merchant = await stage.merchant();
    const named = new Set([...README.matchAll(/\/_control(\/[a-z/]+[a-z])/g)].map(([, path = '']) => path));
    expect(named.size).toBeGreaterThan(10);
    for (const path of named) {
      const answers = [await merchant.control('GET', path), await merchant.control('POST', path, { not: 'a field' })];
      const isKnown = answers.some(({ json }) => json['code'] !== 'RESOURCE_NOT_EXISTS');
      expect([path, isKnown]).toEqual([path, true]);
    }
    await stage.close();
  });
});
