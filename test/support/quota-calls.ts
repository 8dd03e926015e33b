import {
  BatchConsumeQuotaRequest,
  CaptureQuotaRequest,
  HoldQuotaRequest,
  ListQuotaLogsRequest,
  ListSettlementCasesRequest,
  ReleaseQuotaRequest,
  ReportTaskOutcomeRequest,
  type ConsumeQuotaRequest,
  type ExplainRequestResponse,
  type GetQuotaResponse,
} from '../../src/gen/billing/v1/quota_service.pb';
import { call, mustSucceed, type BillingClient } from './clients';
import type { Harness } from './harness';

/** Calls of QuotaService, beside ConsumeQuota and RefundQuota of the harness. Unset fields take their proto defaults. */

const aiTaskService = (h: Harness): BillingClient['quota'] => h.as('ai-task-service').quota;
const auditor = (h: Harness): BillingClient['quota'] => h.as('auditor').quota;

export function hold(h: Harness, fields: Partial<HoldQuotaRequest>) {
  const quota = aiTaskService(h);
  return call(quota.holdQuota.bind(quota), HoldQuotaRequest.fromPartial({ amount: 1, ...fields }));
}

export function capture(h: Harness, fields: Partial<CaptureQuotaRequest>) {
  const quota = aiTaskService(h);
  return call(quota.captureQuota.bind(quota), CaptureQuotaRequest.fromPartial({ amount: 1, ...fields }));
}

export function release(h: Harness, fields: Partial<ReleaseQuotaRequest>) {
  const quota = aiTaskService(h);
  return call(quota.releaseQuota.bind(quota), ReleaseQuotaRequest.fromPartial(fields));
}

export function reportOutcome(h: Harness, fields: Partial<ReportTaskOutcomeRequest>) {
  const quota = aiTaskService(h);
  return call(quota.reportTaskOutcome.bind(quota), ReportTaskOutcomeRequest.fromPartial(fields));
}

export function batchConsume(h: Harness, items: readonly Partial<ConsumeQuotaRequest>[]) {
  const quota = aiTaskService(h);
  const request = BatchConsumeQuotaRequest.fromPartial({ items: items.map((item) => ({ amount: 1, ...item })) });
  return call(quota.batchConsumeQuota.bind(quota), request);
}

export function getQuota(h: Harness, userId: string): Promise<GetQuotaResponse> {
  const quota = auditor(h);
  return mustSucceed(call(quota.getQuota.bind(quota), { userId }));
}

export function explain(h: Harness, userId: string, requestId: string) {
  const quota = auditor(h);
  return call(quota.explainRequest.bind(quota), { userId, requestId });
}

/** What ExplainRequest says of a user's request. */
export function explained(h: Harness, userId: string, requestId: string): Promise<ExplainRequestResponse> {
  return mustSucceed(explain(h, userId, requestId));
}

export function listLogs(h: Harness, fields: Partial<ListQuotaLogsRequest>) {
  const quota = auditor(h);
  return call(quota.listQuotaLogs.bind(quota), ListQuotaLogsRequest.fromPartial(fields));
}

export function listCases(h: Harness, fields: Partial<ListSettlementCasesRequest> = {}) {
  const quota = auditor(h);
  return call(quota.listSettlementCases.bind(quota), ListSettlementCasesRequest.fromPartial(fields));
}
