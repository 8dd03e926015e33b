import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, type Clock } from '../../../../src/platform/clock';
import { startSimulator, type Simulator, type SimulatorOptions } from '../../../../simulator/wechatpay/server';
import { makeMaterial, type TestMaterial } from './material';
import { Merchant } from './merchant';
import { Receiver } from './receiver';

/** A clock that stands still until a test moves it; timers keep following the machine. */
class StageClock implements Clock {
  private offsetMs = 0;

  now(): Date {
    return new Date(Date.UTC(2026, 0, 31, 15, 59, 59) + this.offsetMs);
  }

  machineNow(): Date {
    return systemClock.machineNow();
  }

  advance(ms: number): void {
    this.offsetMs += ms;
  }
}

/** Keys, clock, and everything a test file started, so that it can be ended in one place. */
export class Stage {
  readonly material: TestMaterial = makeMaterial();
  readonly clock = new StageClock();
  private readonly stateDirs: string[] = [];
  private readonly started: { close(): Promise<void> }[] = [];

  async simulator(options: Partial<SimulatorOptions> = {}): Promise<Simulator> {
    const { materialDir } = this.material;
    const simulator = await startSimulator({ port: 0, materialDir, clock: this.clock, ...options });
    this.started.push(simulator);
    return simulator;
  }

  async merchant(options: Partial<SimulatorOptions> = {}): Promise<Merchant> {
    return this.merchantOf(await this.simulator(options));
  }

  merchantOf(simulator: Simulator): Merchant {
    return new Merchant(this.material, simulator.url, this.clock);
  }

  async receiver(...reply: Parameters<typeof Receiver.start>): Promise<Receiver> {
    const receiver = await Receiver.start(...reply);
    this.started.push(receiver);
    return receiver;
  }

  /** An empty directory that goes with the stage. */
  newStateDir(): string {
    const stateDir = mkdtempSync(join(tmpdir(), 'simulator-state-'));
    this.stateDirs.push(stateDir);
    return stateDir;
  }

  async close(): Promise<void> {
    for (const each of this.started.reverse()) await each.close();
    for (const each of [this.material.materialDir, ...this.stateDirs]) rmSync(each, { recursive: true });
  }
}

interface OrderReport {
  readonly trade_state: string;
  readonly prepay_count: number;
  readonly deliveries: { state: string; attempts: { status: number; body: string }[] }[];
}

/** What the simulator holds of an order. */
export async function orderReport(merchant: Merchant, outTradeNo: string): Promise<OrderReport> {
  const { json } = await merchant.control('GET', `/orders/${outTradeNo}`);
  return json as unknown as OrderReport;
}

/** Asks again until the report is as wanted; the test's own time limit ends a wait in vain. */
export async function untilReport(
  merchant: Merchant,
  outTradeNo: string,
  isAsWanted: (report: OrderReport) => boolean,
): Promise<OrderReport> {
  let report = await orderReport(merchant, outTradeNo);
  while (!isAsWanted(report)) report = await orderReport(merchant, outTradeNo);
  return report;
}

/** Prepays and pays an order of 9 900 fen without telling the merchant. Returns the transaction_id. */
export async function payQuietly(merchant: Merchant, outTradeNo: string, more: object = {}): Promise<string> {
  await merchant.prepay(outTradeNo, 'http://127.0.0.1:1/notify');
  const { json } = await merchant.control('POST', '/pay', { order_id: outTradeNo, drop: true, ...more });
  return String(json['transaction_id']);
}

/** Asks again until the refund is in the status; the test's own time limit ends a wait in vain. */
export async function untilRefunded(merchant: Merchant, outRefundNo: string, status: string): Promise<void> {
  while ((await merchant.queryRefund(outRefundNo)).json['status'] !== status);
}
