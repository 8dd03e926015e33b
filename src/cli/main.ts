#!/usr/bin/env node
import { Command } from 'commander';
import { MembershipServiceClient, PeriodUnit } from '../gen/billing/v1/membership_service.pb';
import { monotonicMs, systemClock } from '../platform/clock';
import { loadMigrateConfig } from '../platform/config';
import { VERSION } from '../version';
import { addAuditCommands } from './audit';
import { addAuditReviewCommand } from './audit-review';
import { addAuditVerifyCommands } from './audit-verify';
import { addBackupCommands } from './backup';
import { addCatalogCommands } from './catalog';
import { callUnary, findDatabaseUrl, openConnection, type ConnectionOptions } from './connection';
import {
  advanceDevClock,
  parseDurationMs,
  parseInstantMs,
  setDevClock,
  showDevClock,
  type DevClockState,
} from './dev-clock';
import { addErasureCommands } from './erasures';
import { addEventCommands } from './event';
import { addEvidenceCommands } from './evidence';
import { reportFailure } from './failure';
import { addJobCommands } from './jobs';
import { addGiftCommands } from './gift';
import { addKeyCommands } from './keys';
import { migrate } from './migrate';
import { addOrderCommands } from './order';
import { createOutput, type Output } from './output';
import { addPaymentCommands } from './payment';
import { addPromotionCommands } from './promotion';
import { addQuotaCommands, type ClientType } from './quota';
import { addRefundCommands } from './refund';
import { verifyLedgerOf } from './verify-ledger';

/** The `billing` command: a gRPC client with the person's own certificate. Only `migrate`, `ledger verify`, `audit verify` and `promotion check` touch the database. */

type GlobalOptions = ConnectionOptions & { readonly json?: boolean };

const program = new Command('billing')
  .description('Operate billing-guard: look at users, quota, orders and promotions; migrate the database.')
  .version(VERSION)
  .option('--json', 'print JSON instead of tables')
  .option('--address <host:port>', 'the service; also BILLING_ADDRESS. Default: the local stack')
  .option('--ca <file>', 'certificate authority of the service; also BILLING_CA')
  .option('--cert <file>', 'your certificate; also BILLING_CERT')
  .option('--key <file>', 'your private key; also BILLING_KEY')
  .option('--identity <name>', 'identity of the local stack to act as', 'operations')
  .showHelpAfterError()
  .showSuggestionAfterError()
  // Commands that are made below inherit both. A wrong command line is a failure like any other: an object with --json.
  .configureOutput({ writeErr: (text) => void (isJson() || process.stderr.write(text)) })
  .exitOverride();

function isJson(): boolean {
  return program.opts<GlobalOptions>().json === true;
}

function output(): Output {
  return createOutput(isJson());
}

/** Runs a call with a client that is closed afterwards. */
async function withClient<Client extends { close(): void }, Result>(
  Type: ClientType<Client>,
  run: (client: Client) => Promise<Result>,
): Promise<Result> {
  const { address, channelCredentials, channelOptions } = openConnection(program.opts<GlobalOptions>());
  const client = new Type(address, channelCredentials, channelOptions);
  try {
    return await run(client);
  } finally {
    client.close();
  }
}

addQuotaCommands(program, { output, withClient });
addPaymentCommands(program, { output, withClient });
addEventCommands(program, { output, withClient });
addPromotionCommands(program, { output, withClient });
addGiftCommands(program, { output, withClient });
addCatalogCommands(program, { output, withClient });
addOrderCommands(program, { output, withClient });
addRefundCommands(program, { output, withClient });
addJobCommands(program, { output, withClient });
addBackupCommands(program, { output });
addKeyCommands(program, { output, withClient });
addErasureCommands(program, { output, withClient });
addEvidenceCommands(program, { output, withClient });
const audit = addAuditCommands(program, { output, withClient });
addAuditVerifyCommands(audit, { output, withClient });
addAuditReviewCommand(audit, { output, withClient });

program
  .command('membership <user_id>')
  .description('the membership a user holds now')
  .action(async (userId: string) => {
    const { membership } = await withClient(MembershipServiceClient, (client) =>
      callUnary(client.getMembership.bind(client), { userId }, systemClock.now()),
    );
    output().record({
      user_id: userId,
      active: membership?.active ?? false,
      plan: membership?.planName ?? '',
      starts: membership?.startTime,
      expires: membership?.expireTime,
      features: membership?.features.join(' ') ?? '',
    });
  });

program
  .command('plans')
  .description('the plans on sale now')
  .action(async () => {
    const { plans } = await withClient(MembershipServiceClient, (client) =>
      callUnary(client.listPlans.bind(client), { pageSize: 0, pageToken: '' }, systemClock.now()),
    );
    output().rows(
      ['plan', 'name', 'price fen', 'period', 'quota', 'features'],
      plans.map((plan) => [
        plan.planId,
        plan.name,
        plan.price,
        `${plan.periodCount} ${PeriodUnit[plan.periodUnit]}`,
        plan.quotaUnits,
        plan.features.join(' '),
      ]),
    );
  });

program
  .command('ledger')
  .description('the quota ledger')
  .command('verify')
  .description('recompute every chain, balance and lot from the log alone (DATABASE_URL; default: the local stack)')
  .option('--user <user_id>', 'only this user')
  .action(async (options: { user?: string }) => {
    const startedMs = monotonicMs();
    const { users, rows, fault } = await verifyLedgerOf(findDatabaseUrl(), options.user, monotonicMs);
    output().record({
      verdict: fault === undefined ? 'ok' : 'FAULT',
      users,
      rows,
      seconds: Math.round((monotonicMs() - startedMs) / 100) / 10,
      ...(fault === undefined
        ? {}
        : { user_id: fault.userId, sequence: fault.sequence ?? undefined, problem: fault.problem }),
    });
    if (fault !== undefined) process.exitCode = 1;
  });

program
  .command('migrate')
  .description('bring the database up to date (MIGRATE_DATABASE_URL, APP_DATABASE_USER, REPORT_DATABASE_USER)')
  .action(async () => {
    const { applied } = await migrate(loadMigrateConfig());
    output().rows(
      ['migration applied'],
      applied.map((name) => [name]),
    );
  });

const clock = program.command('dev').description('local stack only').command('clock').description("the stack's clock");

function showClock({ now, offsetSeconds }: DevClockState): void {
  output().record({ now, offset_seconds: offsetSeconds });
}

clock
  .command('show', { isDefault: true })
  .description("the local stack's time")
  .action(() => showClock(showDevClock()));
clock
  .command('set')
  .argument('<instant>', 'for example 2026-03-01T00:00:00+08:00', parseInstantMs)
  .description('set it')
  .action((epochMs: number) => showClock(setDevClock(epochMs)));
clock
  .command('advance')
  .argument('<duration>', 'for example 90s, 15m, 2h, 31d, or -31d to go back', parseDurationMs)
  .description('move it')
  // A duration that goes back looks like an option.
  .allowUnknownOption()
  .action((durationMs: number) => showClock(advanceDevClock(durationMs)));

program.parseAsync().catch((error: unknown) => {
  process.exitCode = reportFailure(error, isJson());
});
