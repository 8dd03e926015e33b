import type { Merchant } from './support/merchant';
import { Stage, orderReport, payQuietly } from './support/stage';

let stage: Stage;
let merchant: Merchant;

beforeAll(async () => {
  stage = new Stage();
  merchant = await stage.merchant();
});
afterAll(() => stage.close());

const page = async (query = ''): Promise<string> => (await fetch(`${merchant.url}/cashier${query}`)).text();

/** What a click on a button sends; the origin is that of the page, unless told otherwise. */
function click(action: string, orderId: string, headers: Record<string, string> = {}, more = ''): Promise<Response> {
  return fetch(`${merchant.url}/cashier/${action}`, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/x-www-form-urlencoded', origin: merchant.url, ...headers },
    body: `order=${orderId}${more}`,
  });
}

describe('the cashier', () => {
  test('lists orders newest first, in yuan, with a button for whatever can be done', async () => {
    await payQuietly(merchant, 'CASHIER_OLD');
    await merchant.prepay('CASHIER_NEW', 'http://127.0.0.1:1/notify');
    const html = await page();
    expect(html.indexOf('CASHIER_NEW')).toBeLessThan(html.indexOf('CASHIER_OLD'));
    expect(html).toContain('¥99.00');
    expect(html).toContain('data-action="pay" data-order="CASHIER_NEW"');
    expect(html).toContain('data-action="fail" data-order="CASHIER_NEW"');
    expect(html).toContain('data-action="refund" data-order="CASHIER_OLD"');
    expect(html).not.toContain('data-action="pay" data-order="CASHIER_OLD"');
    expect(html).toContain('<html lang="zh-CN">');
    expect(html).toContain('本地微信支付收银台');
  });

  test('speaks English when asked, and shows one order alone', async () => {
    const html = await page('?lang=en&order=CASHIER_OLD');
    expect(html).toContain('<html lang="en">');
    expect(html).not.toContain('data-order="CASHIER_NEW"');
    expect(await page('?lang=en&order=NEVER_MADE')).toContain('There is no such order.');
  });

  test('pays, fails and refunds by POST, and goes back to the page', async () => {
    await merchant.prepay('CASHIER_0001', 'http://127.0.0.1:1/notify');
    const failed = await click('fail', 'CASHIER_0001', {}, '&lang=en&alone=1');
    expect([failed.status, failed.headers.get('location')]).toEqual([
      303,
      '/cashier?order=CASHIER_0001&lang=en&note=failed',
    ]);
    expect(await orderReport(merchant, 'CASHIER_0001')).toMatchObject({ trade_state: 'NOTPAY', failed_attempts: 1 });
    await click('pay', 'CASHIER_0001');
    expect((await merchant.query('CASHIER_0001')).json['trade_state']).toBe('SUCCESS');
    await click('refund', 'CASHIER_0001');
    expect(await orderReport(merchant, 'CASHIER_0001')).toMatchObject({
      trade_state: 'REFUND',
      refunded_amount: 9900,
    });
    expect((await click('refund', 'CASHIER_0001')).headers.get('location')).toBe('/cashier?lang=zh&note=refused');
    expect((await click('fail', 'CASHIER_0001')).headers.get('location')).toBe('/cashier?lang=zh&note=refused');
  });

  test('a page of another origin can do nothing, there or through the control API', async () => {
    await merchant.prepay('CASHIER_0002', 'http://127.0.0.1:1/notify');
    const foreign: Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: merchant.url.replace('127.0.0.1', 'localhost') },
    ];
    for (const headers of foreign) expect((await click('pay', 'CASHIER_0002', headers)).status).toBe(403);
    const silent = await fetch(`${merchant.url}/cashier/pay`, { method: 'POST', body: 'order=CASHIER_0002' });
    expect(silent.status).toBe(403);
    const control = await fetch(`${merchant.url}/_control/pay`, {
      method: 'POST',
      headers: { origin: 'https://evil.example' },
      body: '{"order_id":"CASHIER_0002"}',
    });
    expect(control.status).toBe(403);
    expect((await fetch(`${merchant.url}/cashier/pay?order=CASHIER_0002`)).status).not.toBe(303);
    expect((await merchant.query('CASHIER_0002')).json['trade_state']).toBe('NOTPAY');
  });

  test('shows what came from outside as text, and loads nothing', async () => {
    const description = '<script>alert("1")</script>&\'';
    await merchant.prepay('CASHIER_0003', 'http://127.0.0.1:1/notify', { description });
    const html = await page(`?order=CASHIER_0003&note=%3Cb%3E`);
    expect(html).toContain('&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62;&#38;&#39;');
    expect(html).not.toMatch(/<script|<b>|src=|https?:\/\//);
    const response = await fetch(`${merchant.url}/cashier`);
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  });
});
