import { readFileSync } from 'node:fs';
import { credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { CatalogServiceClient } from '../../src/gen/billing/v1/catalog_service.pb';
import { GiftServiceClient } from '../../src/gen/billing/v1/gift_service.pb';
import { JobServiceClient } from '../../src/gen/billing/v1/job_service.pb';
import { MembershipServiceClient } from '../../src/gen/billing/v1/membership_service.pb';
import { OrderServiceClient } from '../../src/gen/billing/v1/order_service.pb';
import { PromotionServiceClient } from '../../src/gen/billing/v1/promotion_service.pb';
import { QuotaServiceClient } from '../../src/gen/billing/v1/quota_service.pb';
import { ErrorInfo } from '../../src/gen/google/rpc/error_details.pb';
import { Status } from '../../src/gen/google/rpc/status.pb';
import { systemClock } from '../../src/platform/clock';
import { addMs } from '../../src/platform/time';
import type { Endpoints, Identity } from './endpoints';
import { Unexpected } from './unexpected';

/** The service as its callers see it: gRPC with mutual TLS, one certificate per identity. */
export interface Billing {
  readonly catalog: CatalogServiceClient;
  readonly gift: GiftServiceClient;
  readonly job: JobServiceClient;
  readonly membership: MembershipServiceClient;
  readonly order: OrderServiceClient;
  readonly promotion: PromotionServiceClient;
  readonly quota: QuotaServiceClient;
  close(): void;
}

/** The development certificate names localhost; the address may be an IP address. */
const CHANNEL_OPTIONS = { 'grpc.ssl_target_name_override': 'localhost' };

/** Connects as an identity. */
export function connectBilling({ grpc, tls }: Endpoints, identity: Identity): Billing {
  const { cert, key } = tls.identities[identity];
  const channel = credentials.createSsl(readFileSync(tls.ca), readFileSync(key), readFileSync(cert));
  const clients = {
    catalog: new CatalogServiceClient(grpc, channel, CHANNEL_OPTIONS),
    gift: new GiftServiceClient(grpc, channel, CHANNEL_OPTIONS),
    job: new JobServiceClient(grpc, channel, CHANNEL_OPTIONS),
    membership: new MembershipServiceClient(grpc, channel, CHANNEL_OPTIONS),
    order: new OrderServiceClient(grpc, channel, CHANNEL_OPTIONS),
    promotion: new PromotionServiceClient(grpc, channel, CHANNEL_OPTIONS),
    quota: new QuotaServiceClient(grpc, channel, CHANNEL_OPTIONS),
  };
  return { ...clients, close: () => Object.values(clients).forEach((client) => client.close()) };
}

type UnaryMethod<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: { deadline: Date },
  callback: (error: ServiceError | null, response: Response) => void,
) => unknown;

/** How the service refused a call: the code and what google.rpc.ErrorInfo says. */
export interface Refusal {
  readonly code: string;
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly message: string;
}

const ERROR_INFO_TYPE = 'type.googleapis.com/google.rpc.ErrorInfo';
const CALL_TIMEOUT_MS = 20_000;

function readRefusal(error: ServiceError): Refusal {
  const [trailer] = error.metadata.get('grpc-status-details-bin');
  const details = Buffer.isBuffer(trailer) ? Status.decode(trailer).details : [];
  const info = details.find(({ typeUrl }) => typeUrl === ERROR_INFO_TYPE)?.value;
  const { reason, metadata } = info === undefined ? { reason: '', metadata: {} } : ErrorInfo.decode(info);
  return { code: status[error.code], reason, metadata, message: error.details };
}

function send<Request, Response>(
  method: UnaryMethod<Request, Response>,
  request: Request,
): Promise<{ readonly response: Response } | { readonly refusal: Refusal }> {
  const deadline = addMs(systemClock.now(), CALL_TIMEOUT_MS);
  return new Promise((resolve) => {
    method(request, new Metadata(), { deadline }, (error, response) => {
      resolve(error === null ? { response } : { refusal: readRefusal(error) });
    });
  });
}

/** The response of a call that must succeed. Throws Unexpected with the refusal otherwise. */
export async function call<Request, Response>(
  method: UnaryMethod<Request, Response>,
  request: Request,
): Promise<Response> {
  const settled = await send(method, request);
  if ('response' in settled) return settled.response;
  const { code, reason, message } = settled.refusal;
  throw new Unexpected(`The service refused: ${code} ${reason}: ${message} Asked: ${JSON.stringify(request)}`);
}

/** The refusal of a call that must be refused. Throws Unexpected when it succeeds. */
export async function refusalOf<Request, Response>(
  method: UnaryMethod<Request, Response>,
  request: Request,
): Promise<Refusal> {
  const settled = await send(method, request);
  if ('refusal' in settled) return settled.refusal;
  throw new Unexpected(`The service should have refused ${JSON.stringify(request)}`);
}
