import { ACCESS_MATRIX, BILLING_RPCS } from '../../../src/access-matrix';
import { ROLES, type Role } from '../../../src/platform/calls';
import { isReason } from '../../../src/platform/errors';
import { createAccessCheck } from '../../../src/platform/rpc/access';

/** Access is denied unless a role's row lists the RPC, and no RPC is forgotten. */

const check = createAccessCheck(ACCESS_MATRIX);

function isAllowed(role: Role, rpc: string): boolean {
  try {
    check({ role, name: 'a', identity: `spiffe://billing/${role}/a` }, rpc);
    return true;
  } catch (error) {
    if (!isReason(error, 'CALLER_NOT_ALLOWED')) throw error;
    return false;
  }
}

test.each(BILLING_RPCS)('%s is open to somebody', (rpc) => {
  expect(ROLES.filter((role) => isAllowed(role, rpc))).not.toHaveLength(0);
});

test.each(ROLES)('%s: each RPC is allowed exactly when its row lists it, and no row lists one twice', (role) => {
  const row = ACCESS_MATRIX[role];
  expect(new Set(row).size).toBe(row.length);
  for (const rpc of BILLING_RPCS) expect([rpc, isAllowed(role, rpc)]).toEqual([rpc, row.includes(rpc)]);
});

test('an RPC that nobody decided is denied to everybody', () => {
  for (const role of ROLES) expect(isAllowed(role, 'billing.v1.QuotaService/GrantQuota')).toBe(false);
});

test.each([
  [
    'operations',
    [
      'CatalogService/AddPlanPrice',
      'CatalogService/CreatePlan',
      'CatalogService/SetPlanStatus',
      'CatalogService/SetTaskTariff',
      'EventService/ReplayEvents',
      'EventService/RetryEventDelivery',
      'GiftService/ApproveGiftCampaign',
      'GiftService/CreateGiftCampaign',
      'GiftService/GrantGift',
      'GiftService/SetGiftCampaignStatus',
      'GiftService/UpdateGiftCampaign',
      'JobService/RerunDeadLetter',
      'PaymentService/ReplayNotification',
      'PrivacyService/ApproveErasure',
      'PrivacyService/EraseUser',
      'PrivacyService/RejectErasure',
      'PrivacyService/RotateDataKeys',
      'PromotionService/CreatePromotion',
      'PromotionService/SetPromotionStatus',
      'PromotionService/UpdatePromotion',
    ],
  ],
  [
    'finance',
    [
      ...['OrderService/ApproveRefund', 'OrderService/AttachInvoice'],
      ...['OrderService/RefundOrder', 'OrderService/RejectRefund'],
    ],
  ],
  ['auditor', ['AuditService/ExportEvidence', 'AuditService/RunReview']],
] as const)('%s changes nothing but what is theirs', (role, theirs) => {
  const changes = ACCESS_MATRIX[role].filter((rpc) => !/\/(Get|List|Check|Explain|Quote)[A-Z]/.test(rpc));
  expect([...changes].sort()).toEqual(theirs.map((rpc) => `billing.v1.${rpc}`));
});
