import { chromium, type Browser, type Page } from 'playwright-core';
import { OrderStatus } from '../../src/gen/billing/v1/order_service.pb';
import { call, mustSucceed } from '../support/clients';
import { createOrder, registerUser, startHarness, until, type Harness } from '../support/harness';
import { getOrderCall } from '../support/order-calls';
import { getQuota } from '../support/quota-calls';

/**
 * The cashier page of the local WeChat Pay, as a developer of the order service uses it: in a real browser. Everything behind
 * it is real, too: the order is made through gRPC, WeChat Pay's side posts its signed notification to the edge.
 */

let h: Harness;
let browser: Browser;
let page: Page;
beforeAll(async () => {
  h = await startHarness();
  // As root, which a container's only user is, Chromium runs without its sandbox; it sees this machine's pages alone.
  const args = ['--no-sandbox', '--disable-dev-shm-usage'];
  browser = await chromium.launch({ executablePath: process.env['BILLING_TEST_BROWSER'] ?? '/usr/bin/chromium', args });
  page = await browser.newPage();
}, 60_000);
afterAll(async () => {
  await browser.close();
  await h.stop();
});

const row = (orderId: string) => page.locator(`tr[data-order="${orderId}"]`);
const state = async (orderId: string) => row(orderId).locator('[data-state]').getAttribute('data-state');

async function click(action: 'pay' | 'fail' | 'refund', orderId: string): Promise<void> {
  await row(orderId).locator(`button[data-action="${action}"]`).click();
  await page.waitForSelector('[data-note]');
}

async function statusOf(userId: string, orderId: string): Promise<OrderStatus | undefined> {
  return (await mustSucceed(getOrderCall(h, userId, orderId))).order?.status;
}

async function membershipOf(userId: string) {
  const { membership } = h.as('order-service');
  return (await mustSucceed(call(membership.getMembership.bind(membership), { userId }))).membership;
}

describe('the cashier page in a browser', () => {
  test('an order made through gRPC is paid in the page, and the membership is active', async () => {
    const userId = await registerUser(h);
    const orderId = await createOrder(h, userId);
    await page.goto(`${h.simulatorUrl}/cashier`);
    expect(await state(orderId)).toBe('NOTPAY');
    expect(await row(orderId).innerText()).toContain('99.00');
    expect((await membershipOf(userId))?.active).toBe(false);

    await click('pay', orderId);

    expect(await state(orderId)).toBe('SUCCESS');
    await until('the order is paid', async () => (await statusOf(userId, orderId)) === OrderStatus.PAID);
    expect((await membershipOf(userId))?.active).toBe(true);
    expect((await getQuota(h, userId)).quotaRemaining).toBe(510);
  });

  test('a payment that fails leaves the order payable, and the next one pays it', async () => {
    const userId = await registerUser(h);
    const orderId = await createOrder(h, userId);
    await page.goto(`${h.simulatorUrl}/cashier?order=${orderId}&lang=en`);
    expect(await page.locator('tr[data-order]').count()).toBe(1);

    await click('fail', orderId);
    expect(await state(orderId)).toBe('NOTPAY');
    expect(await statusOf(userId, orderId)).toBe(OrderStatus.PENDING);

    await click('pay', orderId);
    await until('the order is paid', async () => (await statusOf(userId, orderId)) === OrderStatus.PAID);
  });

  test('a refund made in the page reaches the service: the order is refunded and its quota ends', async () => {
    const userId = await registerUser(h);
    const orderId = await createOrder(h, userId);
    await page.goto(`${h.simulatorUrl}/cashier?order=${orderId}`);
    await click('pay', orderId);
    await until('the order is paid', async () => (await statusOf(userId, orderId)) === OrderStatus.PAID);

    await click('refund', orderId);

    expect(await state(orderId)).toBe('REFUND');
    await until('the order is refunded', async () => (await statusOf(userId, orderId)) === OrderStatus.REFUNDED);
    expect((await membershipOf(userId))?.active).toBe(false);
    expect((await getQuota(h, userId)).quotaRemaining).toBe(10);
  });

  test('a page of another origin can not pay: the browser says where it comes from', async () => {
    const userId = await registerUser(h);
    const orderId = await createOrder(h, userId);
    // The edge answers 404 there: an origin of its own, from which the form is sent.
    await page.goto(`${h.edgeUrl}/`);
    await page.setContent(
      `<form method="post" action="${h.simulatorUrl}/cashier/pay"><input name="order" value="${orderId}"><button>pay</button></form>`,
    );
    const [answer] = await Promise.all([
      page.waitForResponse((response) => response.url().endsWith('/cashier/pay')),
      page.locator('button').click(),
    ]);
    expect(answer.status()).toBe(403);
    await page.goto(`${h.simulatorUrl}/cashier?order=${orderId}`);
    expect(await state(orderId)).toBe('NOTPAY');
    expect(await statusOf(userId, orderId)).toBe(OrderStatus.PENDING);
  });
});
