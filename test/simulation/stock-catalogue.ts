import { addPlanPrice } from '../../src/catalog/add-plan-price';
import { createPlan } from '../../src/catalog/create-plan';
import { approveCampaign } from '../../src/gift/approve-campaign';
import { createCampaign } from '../../src/gift/create-campaign';
import { fromEpochMs } from '../../src/platform/time';
import { CAMPAIGNS, PLANS } from './catalogue';
import { DAY, shanghai } from './civil';
import type { Terms } from './oracle';
import type { SimulatedPlan } from './script';
import { callerOf, type World } from './world';

/** Puts what the simulation sells and gives into the service's catalogue, as operations does it. */

const EDITED = shanghai('2027-06-01');

function termsOf({ price, units, unit, count, grant }: Terms) {
  return {
    ...{ price, listPrice: price, periodUnit: unit, periodCount: count, quotaUnits: units },
    ...{ grantUnit: grant?.unit ?? null, grantCount: grant?.count ?? null },
    ...{ features: ['hd_export'], featureLimits: [], taxRateBasisPoints: 600 },
  };
}

async function stockPlan({ foundation: { db } }: World, { id: planId, versions }: SimulatedPlan): Promise<void> {
  const call = { caller: callerOf('operations'), signal: new AbortController().signal };
  for (const [index, { from, terms }] of versions.entries()) {
    const what = { requestId: `${planId}-${index}`, planId, terms: termsOf(terms), validFrom: fromEpochMs(from) };
    if (index === 0) {
      await createPlan(db, { ...what, name: planId, kind: 'sale', ...call, now: fromEpochMs(from - DAY) });
    } else {
      await addPlanPrice(db, { ...what, ...call, now: fromEpochMs(EDITED) });
    }
  }
}

async function stockCampaign({ foundation: { db } }: World, campaign: (typeof CAMPAIGNS)[number]): Promise<void> {
  const { key: campaignId, units, validDays } = campaign;
  const [startTime, endTime] = [shanghai('2026-12-01'), shanghai('2030-01-01')].map(fromEpochMs);
  if (startTime === undefined || endTime === undefined) throw new Error('no window');
  const fields = { name: campaignId, units, validDays, budgetUnits: 10_000_000, startTime, endTime };
  const call = { now: startTime, signal: new AbortController().signal };
  const [creator, approver] = [callerOf('operations', 'creator'), callerOf('operations', 'approver')];
  await createCampaign(db, { requestId: `${campaignId}-create`, campaignId, fields, caller: creator, ...call });
  await approveCampaign(db, {
    requestId: `${campaignId}-approve`,
    campaignId,
    revision: 1,
    caller: approver,
    ...call,
  });
}

/** Stocks everything. */
export async function stockCatalogue(world: World): Promise<void> {
  for (const plan of Object.values(PLANS)) await stockPlan(world, plan);
  for (const campaign of CAMPAIGNS) await stockCampaign(world, campaign);
}
