import { Option, type Command } from 'commander';
import {
  CatalogServiceClient,
  PlanKind,
  PlanStatus,
  PlanTerms,
  TariffState,
  type CatalogPlan,
  type PlanPrice,
  type TaskTariff,
} from '../gen/billing/v1/catalog_service.pb';
import { systemClock } from '../platform/clock';
import { fromEpochMs } from '../platform/time';
import { callUnary } from './connection';
import { parseInstantMs } from './dev-clock';
import { tellRequestId } from './failure';
import { addRequestId, requestIdOf, type RequestOptions } from './request-id';
import type { Cell } from './output';
import { addTerms, parseWhole, showEvery, showLimits, showSpan, termsOf, type TermsOptions } from './plan-terms';
import { addPaging, tellNextPage, type CommandParts, type PagingOptions } from './quota';

/** The commands about plans and tariffs: operations manages them, whoever may read looks at them. */

/** Adds `plan list`, `show`, `create`, `price`, `retire`, `activate` and `tariff list`, `set`, `retire`. */
export function addCatalogCommands(program: Command, parts: CommandParts): void {
  const plan = program.command('plan').description('look at plans and their price versions, and manage them');
  addPlanList(plan, parts);
  addPlanShow(plan, parts);
  addPlanCreate(plan, parts);
  addPlanPrice(plan, parts);
  addPlanStatus(plan, parts, 'retire', PlanStatus.RETIRED, 'take a plan off sale; what was sold goes on');
  addPlanStatus(plan, parts, 'activate', PlanStatus.ACTIVE, 'offer a retired plan again');
  const tariff = program.command('tariff').description('look at what task types cost, and say it');
  addTariffList(tariff, parts);
  addTariffSet(tariff, parts);
  addTariffRetire(tariff, parts);
}

interface FromOptions {
  readonly from?: number;
}

function addFrom(command: Command, whenLeftOut: string): Command {
  return command.option('--from <instant>', `from when on; default: ${whenLeftOut}`, parseInstantMs);
}

function instantOf({ from }: FromOptions): Date | undefined {
  return from === undefined ? undefined : fromEpochMs(from);
}

const VERSION_HEADINGS = [
  ...['version', 'price fen', 'list price fen', 'period', 'quota', 'given every', 'features', 'limits', 'tax rate'],
  ...['valid from', 'valid to'],
];

function versionRow({ planPriceId, terms = PlanTerms.create(), validFrom, validTo }: PlanPrice): readonly Cell[] {
  const { price, listPrice, periodUnit, periodCount, quotaUnits, features, featureLimits, taxRateBasisPoints } = terms;
  return [
    ...[planPriceId, price, listPrice, showSpan(periodUnit, periodCount), quotaUnits, showEvery(terms)],
    ...[features.join(' '), showLimits(featureLimits), taxRateBasisPoints, validFrom, validTo],
  ];
}

function planFields({ planId, name, kind, status, createTime }: CatalogPlan): Readonly<Record<string, Cell>> {
  return { plan_id: planId, name, kind: PlanKind[kind], status: PlanStatus[status], create_time: createTime };
}

function addPlanList(plan: Command, { output, withClient }: CommandParts): void {
  const list = plan.command('list').description('every plan by id, a line for each of its price versions');
  addPaging(list).action(async ({ pageSize, pageToken = '' }: PagingOptions) => {
    const page = await withClient(CatalogServiceClient, (client) =>
      callUnary(client.listCatalog.bind(client), { pageSize, pageToken }, systemClock.now()),
    );
    output().rows(
      ['plan', 'name', 'kind', 'status', ...VERSION_HEADINGS],
      page.plans.flatMap(({ planId, name, kind, status, prices }) =>
        prices.map((price) => [planId, name, PlanKind[kind], PlanStatus[status], ...versionRow(price)]),
      ),
    );
    tellNextPage(page.nextPageToken);
  });
}

function addPlanShow(plan: Command, { output, withClient }: CommandParts): void {
  plan
    .command('show <plan_id>')
    .description('one plan of any status with everything it ever sold under, newest first')
    .action(async (planId: string) => {
      const { plan: one } = await withClient(CatalogServiceClient, (client) =>
        callUnary(client.getPlan.bind(client), { planId }, systemClock.now()),
      );
      showPlan({ output }, one, {});
    });
}

/** A plan with its versions, after what else there is to say. */
function showPlan(
  { output }: Pick<CommandParts, 'output'>,
  plan: CatalogPlan | undefined,
  first: Readonly<Record<string, Cell>>,
): void {
  const fields = plan === undefined ? {} : planFields(plan);
  output().recordWithRows({ ...first, ...fields }, 'versions', VERSION_HEADINGS, plan?.prices.map(versionRow) ?? []);
}

type CreateOptions = TermsOptions & FromOptions & RequestOptions & { readonly name: string; readonly kind: string };

function addPlanCreate(plan: Command, { output, withClient }: CommandParts): void {
  const create = plan
    .command('create <plan_id>')
    .description('make a plan with its first price version, active at once')
    .requiredOption('--name <text>', 'what people see')
    .addOption(
      new Option('--kind <kind>', 'for sale, or what everybody has').choices(['sale', 'basic']).default('sale'),
    );
  addRequestId(addFrom(addTerms(create), 'now')).action(async (planId: string, options: CreateOptions) => {
    const requestId = requestIdOf(options);
    const kind = options.kind === 'sale' ? PlanKind.SALE : PlanKind.BASIC;
    const request = { requestId, planId, name: options.name, kind, terms: termsOf(options) };
    const answer = await withClient(CatalogServiceClient, (client) =>
      callUnary(client.createPlan.bind(client), { ...request, validFrom: instantOf(options) }, systemClock.now()),
    ).catch(tellRequestId(requestId));
    showPlan({ output }, answer.plan, { request_id: requestId, replayed: answer.replayed });
  });
}

function addPlanPrice(plan: Command, { output, withClient }: CommandParts): void {
  const price = plan
    .command('price <plan_id>')
    .description('add a price version; the one before ends at its start, what was sold stays as it is');
  addRequestId(addFrom(addTerms(price), 'now')).action(
    async (planId: string, options: TermsOptions & FromOptions & RequestOptions) => {
      const requestId = requestIdOf(options);
      const request = { requestId, planId, terms: termsOf(options), validFrom: instantOf(options) };
      const answer = await withClient(CatalogServiceClient, (client) =>
        callUnary(client.addPlanPrice.bind(client), request, systemClock.now()),
      ).catch(tellRequestId(requestId));
      showPlan({ output }, answer.plan, { request_id: requestId, replayed: answer.replayed });
    },
  );
}

function addPlanStatus(
  plan: Command,
  { output, withClient }: CommandParts,
  word: string,
  status: PlanStatus,
  description: string,
): void {
  const command = plan.command(`${word} <plan_id>`).description(description);
  addRequestId(command).action(async (planId: string, options: RequestOptions) => {
    const requestId = requestIdOf(options);
    const { plan: one, replayed } = await withClient(CatalogServiceClient, (client) =>
      callUnary(client.setPlanStatus.bind(client), { requestId, planId, status }, systemClock.now()),
    ).catch(tellRequestId(requestId));
    output().record({ request_id: requestId, replayed, ...(one === undefined ? {} : planFields(one)) });
  });
}

/** In the order of the list's headings. */
function tariffFields(one: TaskTariff): Readonly<Record<string, Cell>> {
  return {
    task_type: one.taskType,
    units: one.unlisted ? undefined : one.units,
    feature: one.unlisted ? '(unlisted)' : one.feature,
    state: TariffState[one.state],
    valid_from: one.validFrom,
    valid_to: one.validTo,
  };
}

type TariffListOptions = PagingOptions & { readonly taskType?: string; readonly past?: boolean };

function addTariffList(tariff: Command, { output, withClient }: CommandParts): void {
  const list = tariff
    .command('list')
    .description('what task types cost, in force and announced, by task type and time')
    .option('--task-type <type>', 'only of this one')
    .option('--past', 'those that were replaced, too');
  addPaging(list).action(async (options: TariffListOptions) => {
    const { taskType = '', past: includePast = false, pageSize, pageToken = '' } = options;
    const request = { taskType, includePast, pageSize, pageToken };
    const page = await withClient(CatalogServiceClient, (client) =>
      callUnary(client.listTaskTariffs.bind(client), request, systemClock.now()),
    );
    output().rows(
      ['task type', 'units', 'feature', 'state', 'valid from', 'valid to'],
      page.tariffs.map((one) => Object.values(tariffFields(one))),
    );
    tellNextPage(page.nextPageToken);
  });
}

type SetOptions = FromOptions & RequestOptions & { readonly units: number; readonly feature: string };

function addTariffSet(tariff: Command, parts: CommandParts): void {
  const set = tariff
    .command('set <task_type>')
    .description('say what a task type costs, and which feature its user must hold')
    .requiredOption('--units <units>', 'of one task', parseWhole)
    .requiredOption('--feature <name>', 'one that an active plan has');
  addRequestId(addFrom(set, 'in 60 seconds')).action(async (taskType: string, options: SetOptions) => {
    const { units, feature } = options;
    await setTariff(parts, { taskType, units, feature, unlisted: false }, options);
  });
}

function addTariffRetire(tariff: Command, parts: CommandParts): void {
  const retire = tariff
    .command('retire <task_type>')
    .description('take a task type off the list: any amount passes again, whatever its user holds');
  addRequestId(addFrom(retire, 'in 60 seconds')).action(
    async (taskType: string, options: FromOptions & RequestOptions) => {
      await setTariff(parts, { taskType, units: 0, feature: '', unlisted: true }, options);
    },
  );
}

async function setTariff(
  { output, withClient }: CommandParts,
  wanted: Pick<TaskTariff, 'taskType' | 'units' | 'feature' | 'unlisted'>,
  options: FromOptions & RequestOptions,
): Promise<void> {
  const requestId = requestIdOf(options);
  const request = { requestId, ...wanted, validFrom: instantOf(options) };
  const { tariff: one, replayed } = await withClient(CatalogServiceClient, (client) =>
    callUnary(client.setTaskTariff.bind(client), request, systemClock.now()),
  ).catch(tellRequestId(requestId));
  output().record({ request_id: requestId, replayed, ...(one === undefined ? {} : tariffFields(one)) });
}
