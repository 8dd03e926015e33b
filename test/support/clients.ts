import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { credentials, Metadata, type ChannelCredentials, type ServiceError } from '@grpc/grpc-js';
import { AuditServiceClient } from '../../src/gen/billing/v1/audit_service.pb';
import { CatalogServiceClient } from '../../src/gen/billing/v1/catalog_service.pb';
import { EventServiceClient } from '../../src/gen/billing/v1/event_service.pb';
import { GiftServiceClient } from '../../src/gen/billing/v1/gift_service.pb';
import { JobServiceClient } from '../../src/gen/billing/v1/job_service.pb';
import { MembershipServiceClient } from '../../src/gen/billing/v1/membership_service.pb';
import { OrderServiceClient } from '../../src/gen/billing/v1/order_service.pb';
import { PaymentServiceClient } from '../../src/gen/billing/v1/payment_service.pb';
import { PrivacyServiceClient } from '../../src/gen/billing/v1/privacy_service.pb';
import { PromotionServiceClient } from '../../src/gen/billing/v1/promotion_service.pb';
import { QuotaServiceClient } from '../../src/gen/billing/v1/quota_service.pb';
import { BadRequest, ErrorInfo } from '../../src/gen/google/rpc/error_details.pb';
import { Status } from '../../src/gen/google/rpc/status.pb';
import { status } from '@grpc/grpc-js';

/** Identities that the local CA certified, by file name. */
export type Identity =
  'ai-task-service' | 'order-service' | 'operations' | 'operations-2' | 'finance' | 'finance-2' | 'auditor';

/** Certificates of an identity. */
export function credentialsOf(tlsDir: string, identity: Identity): ChannelCredentials {
  const read = (file: string): Buffer => readFileSync(join(tlsDir, file));
  return credentials.createSsl(read('ca.crt'), read(`${identity}.key`), read(`${identity}.crt`));
}

type Callback<Response> = (error: ServiceError | null, response: Response) => void;
type UnaryMethod<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: { deadline: Date },
  callback: Callback<Response>,
) => unknown;

/** What a call came to: its response, or its refusal taken apart. */
export type Reply<Response> =
  | { readonly ok: true; readonly response: Response }
  | {
      readonly ok: false;
      readonly code: string;
      readonly reason: string;
      readonly metadata: Readonly<Record<string, string>>;
      /** Paths named in BadRequest. */
      readonly fields: readonly string[];
      readonly error: ServiceError;
    };

const TYPE = 'type.googleapis.com/google.rpc.';

function takeApart(error: ServiceError): Extract<Reply<never>, { ok: false }> {
  const [trailer] = error.metadata.get('grpc-status-details-bin');
  const details = Buffer.isBuffer(trailer) ? Status.decode(trailer).details : [];
  const find = (name: string) => details.find((detail) => detail.typeUrl === `${TYPE}${name}`)?.value;
  const info = find('ErrorInfo');
  const badRequest = find('BadRequest');
  const { reason = '', metadata = {} } = info === undefined ? {} : ErrorInfo.decode(info);
  const fields =
    badRequest === undefined ? [] : BadRequest.decode(badRequest).fieldViolations.map(({ field }) => field);
  return { ok: false, code: status[error.code], reason, metadata, fields, error };
}

/** Calls a unary method and never rejects. */
export function call<Request, Response>(
  method: UnaryMethod<Request, Response>,
  request: Request,
  timeoutMs = 20_000,
): Promise<Reply<Response>> {
  return new Promise((resolve) => {
    method(request, new Metadata(), { deadline: new Date(Date.now() + timeoutMs) }, (error, response) => {
      resolve(error === null ? { ok: true, response } : takeApart(error));
    });
  });
}

/** The response of a call that must succeed. */
export async function mustSucceed<Response>(reply: Promise<Reply<Response>>): Promise<Response> {
  const settled = await reply;
  if (!settled.ok) throw new Error(`refused: ${settled.code} ${settled.reason} ${settled.fields.join(' ')}`);
  return settled.response;
}

/** The services as one identity. Unset request fields take their proto defaults. */
export interface BillingClient {
  readonly quota: QuotaServiceClient;
  readonly membership: MembershipServiceClient;
  readonly order: OrderServiceClient;
  readonly payment: PaymentServiceClient;
  readonly promotion: PromotionServiceClient;
  readonly catalog: CatalogServiceClient;
  readonly gift: GiftServiceClient;
  readonly job: JobServiceClient;
  readonly event: EventServiceClient;
  readonly privacy: PrivacyServiceClient;
  readonly audit: AuditServiceClient;
  close(): void;
}

/** Connects an identity to a server. */
export function connectClient(address: string, tlsDir: string, identity: Identity): BillingClient {
  const channelCredentials = credentialsOf(tlsDir, identity);
  const options = { 'grpc.ssl_target_name_override': 'localhost' };
  const quota = new QuotaServiceClient(address, channelCredentials, options);
  const membership = new MembershipServiceClient(address, channelCredentials, options);
  const order = new OrderServiceClient(address, channelCredentials, options);
  const payment = new PaymentServiceClient(address, channelCredentials, options);
  const promotion = new PromotionServiceClient(address, channelCredentials, options);
  const catalog = new CatalogServiceClient(address, channelCredentials, options);
  const gift = new GiftServiceClient(address, channelCredentials, options);
  const job = new JobServiceClient(address, channelCredentials, options);
  const event = new EventServiceClient(address, channelCredentials, options);
  const privacy = new PrivacyServiceClient(address, channelCredentials, options);
  const audit = new AuditServiceClient(address, channelCredentials, options);
  return {
    quota,
    membership,
    order,
    payment,
    promotion,
    catalog,
    gift,
    job,
    event,
    privacy,
    audit,
    close: () => {
      quota.close();
      payment.close();
      membership.close();
      order.close();
      promotion.close();
      catalog.close();
      gift.close();
      job.close();
      event.close();
      privacy.close();
      audit.close();
    },
  };
}
