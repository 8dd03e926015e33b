import {
  AddPlanPriceRequest,
  CreatePlanRequest,
  GetPlanRequest,
  ListCatalogRequest,
  ListTaskTariffsRequest,
  PlanKind,
  PlanStatus,
  SetPlanStatusRequest,
  SetTaskTariffRequest,
} from '../../src/gen/billing/v1/catalog_service.pb';
import { yearly } from './catalog-calls';
import { call } from './clients';
import {
  bound,
  ID,
  OPTIONAL_ID,
  paging,
  POSITIVE_UNITS,
  UNKNOWN_ENUM,
  type Faults,
  type MalformedCalls,
} from './malformed-fields';

const REQUIRED_ENUM: Faults = [['nothing', 0], ...UNKNOWN_ENUM];
const NOTHING: Faults = [['nothing', undefined]];
const NAME: Faults = [
  ['nothing', ''],
  ['65 characters', 'x'.repeat(65)],
  ['blanks', '  '],
  ['a bell', 'a\u0007b'],
  ['a right-to-left override', 'a\u202eb'],
];

/** The RPCs of CatalogService. What is wrong within terms: test/integration/catalog. */
export const MALFORMED_CATALOG_CALLS: readonly MalformedCalls[] = [
  {
    rpc: 'CatalogService/CreatePlan',
    valid: () => ({ requestId: 'p', planId: 'monthly', name: '年度会员', kind: PlanKind.SALE, terms: yearly() }),
    faults: { requestId: ID, planId: ID, name: NAME, kind: REQUIRED_ENUM, terms: NOTHING },
    send: (h, fields) => call(bound(h.as('operations').catalog, 'createPlan'), CreatePlanRequest.create(fields)),
  },
  {
    rpc: 'CatalogService/AddPlanPrice',
    valid: () => ({ requestId: 'p', planId: 'no-such', terms: yearly() }),
    faults: { requestId: ID, planId: ID, terms: NOTHING },
    send: (h, fields) => call(bound(h.as('operations').catalog, 'addPlanPrice'), AddPlanPriceRequest.create(fields)),
  },
  {
    rpc: 'CatalogService/SetPlanStatus',
    valid: () => ({ requestId: 'p', planId: 'monthly', status: PlanStatus.ACTIVE }),
    faults: { requestId: ID, planId: ID, status: REQUIRED_ENUM },
    send: (h, fields) => call(bound(h.as('operations').catalog, 'setPlanStatus'), SetPlanStatusRequest.create(fields)),
  },
  {
    rpc: 'CatalogService/GetPlan',
    valid: () => ({ planId: 'monthly' }),
    faults: { planId: ID },
    send: (h, fields) => call(bound(h.as('auditor').catalog, 'getPlan'), GetPlanRequest.create(fields)),
  },
  {
    rpc: 'CatalogService/ListCatalog',
    valid: () => ({}),
    faults: paging,
    send: (h, fields) => call(bound(h.as('auditor').catalog, 'listCatalog'), ListCatalogRequest.create(fields)),
  },
  {
    rpc: 'CatalogService/SetTaskTariff',
    valid: () => ({ requestId: 't', taskType: 'upscale', units: 1, feature: 'image.upscale' }),
    faults: {
      requestId: ID,
      taskType: ID,
      units: [...POSITIVE_UNITS, ['beyond a billion', 1_000_000_001]],
      feature: [...ID, ['a capital', 'Image'], ['a number first', '1image'], ['a slash', 'image/upscale']],
    },
    send: (h, fields) => call(bound(h.as('operations').catalog, 'setTaskTariff'), SetTaskTariffRequest.create(fields)),
  },
  {
    rpc: 'CatalogService/ListTaskTariffs',
    valid: () => ({}),
    faults: { taskType: OPTIONAL_ID, ...paging },
    send: (h, fields) => call(bound(h.as('auditor').catalog, 'listTaskTariffs'), ListTaskTariffsRequest.create(fields)),
  },
];
