import { randomBytes } from 'node:crypto';
import type { Plan } from '../../src/gen/billing/v1/membership_service.pb';
import { connectBilling } from './billing';
import { openProofDatabase } from './database';
import { readEndpoints } from './endpoints';
import { createReport, type Report } from './report';
import type { Stage } from './stage';
import { callAsSomebodyElse, forgeCallbacks } from './steps/attack';
import { cancelOrder, proveRefund, refundOrder, useSome, waitForLostCallback } from './steps/afterwards';
import { checkEntitlements, putYearlyOnSale, retirePlan, setTariff } from './steps/catalog';
import { verifyEvents } from './steps/events';
import { giveGift } from './steps/gift';
import { lookAtJobs } from './steps/jobs';
import { orderPlan, payOrder, register, registerAs, showPlans } from './steps/buy';
import { verifyLog } from './steps/ledger';
import { claimCoupon, createPromotion, orderWithCoupon, payDiscounted } from './steps/promote';
import { prove } from './steps/proof';
import { provePromotion } from './steps/promotion-proof';
import { becomeMember, orderUpgrade, payUpgrade } from './steps/upgrade';
import { proveUpgrade } from './steps/upgrade-proof';
import { consume, overConsume, refundTask, repeatConsume, reuseRequestId, showBalance } from './steps/use';
import { Unexpected } from './unexpected';

/**
 * The main job, end to end, on the running local stack: this program plays the order service, the AI task service,
 * operations, finance and the paying user. Exit code 0 when every claim holds, 1 otherwise. `--json` prints one JSON document instead.
 */

async function play(stage: Stage): Promise<void> {
  const plan = await showPlans(stage);
  const granted = await register(stage);
  const orderId = await orderPlan(stage, plan);
  const transactionId = await payOrder(stage, orderId);

  const balance = await showBalance(stage, granted + plan.quotaUnits);
  const consumed = await consume(stage, balance);
  await repeatConsume(stage, consumed);
  await reuseRequestId(stage, consumed);
  await refundTask(stage, balance);
  await overConsume(stage, balance);

  const wrongTransactionId = await forgeCallbacks(stage, orderId, plan.planId);
  await callAsSomebodyElse(stage, balance);

  await playPromotion(stage, plan);
  await playAfterwards(stage, plan);
  await playOverTime(stage, plan);
  await lookAtJobs(stage);

  await verifyLog(stage);
  await prove(stage, { orderId, transactionId, wrongTransactionId });
}

async function playPromotion(stage: Stage, plan: Plan): Promise<void> {
  const promotionId = await createPromotion(stage);
  const promoted = await claimCoupon(stage, promotionId);
  const orderId = await orderWithCoupon(promoted, plan);
  await payDiscounted(promoted, orderId);
  await provePromotion(promoted, orderId);
}

async function playAfterwards(stage: Stage, plan: Plan): Promise<void> {
  const buyer = await registerAs(stage, `${stage.userId}-regrets`);
  await cancelOrder(buyer, plan);
  const orderId = await waitForLostCallback(buyer, plan);
  const used = await useSome(buyer);
  const refundId = await refundOrder(buyer, orderId, plan, used);
  await proveRefund(buyer, orderId, refundId);
}

async function playOverTime(stage: Stage, monthly: Plan): Promise<void> {
  const yearly = await putYearlyOnSale(stage);
  const member = await registerAs(stage, `${stage.userId}-stays`);
  await giveGift(member, stage.userId);
  const before = await becomeMember(member, monthly);
  const orderId = await orderUpgrade(member, before, yearly);
  await payUpgrade(member, before, yearly, orderId);
  await proveUpgrade(member, before, yearly, orderId);
  await setTariff(stage);
  await checkEntitlements(stage, member, yearly);
  await retirePlan(member, yearly);
  await verifyEvents(member);
}

async function playOnLocalStack(report: Report, endpointsPath: string): Promise<void> {
  const endpoints = readEndpoints(endpointsPath);
  const database = await openProofDatabase(endpoints.databaseUrl);
  const callers = {
    aiTasks: connectBilling(endpoints, 'ai-task-service'),
    orders: connectBilling(endpoints, 'order-service'),
    operations: connectBilling(endpoints, 'operations'),
    secondOperator: connectBilling(endpoints, 'operations-2'),
    finance: connectBilling(endpoints, 'finance'),
  };
  const userId = `demo-${randomBytes(6).toString('hex')}`;
  try {
    const { wechatpay: wechatpayUrl, databaseUrl, redisUrl } = endpoints;
    await play({ report, ...callers, wechatpayUrl, database, databaseUrl, redisUrl, userId });
  } finally {
    Object.values(callers).forEach((caller) => caller.close());
    await database.close();
  }
}

async function main(): Promise<number> {
  const isJson = process.argv.includes('--json');
  const report = createReport(isJson);
  try {
    await playOnLocalStack(report, process.env['BILLING_ENDPOINTS'] ?? '.local/endpoints.json');
  } catch (error) {
    const problem = error instanceof Unexpected ? error.message : String((error as Error).stack ?? error);
    report.end(problem);
    process.stderr.write(`\nThe demo stopped: ${problem}\n`);
    return 1;
  }
  const broken = report.end();
  if (broken.length === 0) {
    report.say(
      '\nEverything held: the money, the membership, the quota, the coupon, the refund, the upgrade and the events agree, and each step can be proved.',
    );
    return 0;
  }
  process.stderr.write(`\nNot everything held:\n${broken.map((claim) => `  ✗ ${claim}`).join('\n')}\n`);
  return 1;
}

void main().then((exitCode) => {
  process.exitCode = exitCode;
});
