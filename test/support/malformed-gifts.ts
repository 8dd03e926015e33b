import {
  ApproveGiftCampaignRequest,
  CreateGiftCampaignRequest,
  GetGiftCampaignRequest,
  GiftCampaign,
  GiftCampaignStatus,
  GrantGiftRequest,
  ListGiftCampaignsRequest,
  SetGiftCampaignStatusRequest,
  UpdateGiftCampaignRequest,
} from '../../src/gen/billing/v1/gift_service.pb';
import { call } from './clients';
import {
  bound,
  ID,
  NO_PROMOTION,
  paging,
  POSITIVE_UNITS,
  UNITS,
  UNKNOWN_ENUM,
  type MalformedCalls,
} from './malformed-fields';

/** Every RPC of GiftService. What is wrong within a campaign: test/integration/gift. */
export const MALFORMED_GIFT_CALLS: readonly MalformedCalls[] = [
  {
    rpc: 'GiftService/CreateGiftCampaign',
    valid: () => ({ requestId: 'g', campaign: GiftCampaign.create() }),
    faults: { requestId: ID, campaign: NO_PROMOTION },
    send: (h, fields) =>
      call(bound(h.as('operations').gift, 'createGiftCampaign'), CreateGiftCampaignRequest.create(fields)),
  },
  {
    rpc: 'GiftService/UpdateGiftCampaign',
    valid: () => ({ requestId: 'g', campaign: GiftCampaign.create({ campaignId: 'g' }) }),
    faults: {
      requestId: ID,
      campaign: NO_PROMOTION,
      updateMask: [['a path of nothing', ['no_such']]],
      revision: UNITS,
    },
    send: (h, fields) =>
      call(bound(h.as('operations').gift, 'updateGiftCampaign'), UpdateGiftCampaignRequest.create(fields)),
  },
  {
    rpc: 'GiftService/ApproveGiftCampaign',
    valid: () => ({ requestId: 'g', campaignId: 'g', revision: 1 }),
    faults: { requestId: ID, campaignId: ID, revision: POSITIVE_UNITS },
    send: (h, fields) =>
      call(bound(h.as('operations').gift, 'approveGiftCampaign'), ApproveGiftCampaignRequest.create(fields)),
  },
  {
    rpc: 'GiftService/SetGiftCampaignStatus',
    valid: () => ({ requestId: 'g', campaignId: 'g', status: GiftCampaignStatus.PAUSED }),
    faults: { requestId: ID, campaignId: ID, status: [['nothing', 0], ...UNKNOWN_ENUM] },
    send: (h, fields) =>
      call(bound(h.as('operations').gift, 'setGiftCampaignStatus'), SetGiftCampaignStatusRequest.create(fields)),
  },
  {
    rpc: 'GiftService/GetGiftCampaign',
    valid: () => ({ campaignId: 'g' }),
    faults: { campaignId: ID },
    send: (h, fields) => call(bound(h.as('auditor').gift, 'getGiftCampaign'), GetGiftCampaignRequest.create(fields)),
  },
  {
    rpc: 'GiftService/ListGiftCampaigns',
    valid: () => ({}),
    faults: { status: UNKNOWN_ENUM, ...paging },
    send: (h, fields) =>
      call(bound(h.as('auditor').gift, 'listGiftCampaigns'), ListGiftCampaignsRequest.create(fields)),
  },
  {
    rpc: 'GiftService/GrantGift',
    valid: (userId) => ({ requestId: 'g', userId, campaignId: 'g' }),
    faults: { requestId: ID, userId: ID, campaignId: ID },
    send: (h, fields) => call(bound(h.as('operations').gift, 'grantGift'), GrantGiftRequest.create(fields)),
  },
];
