import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { credentials, Metadata, type ChannelCredentials, type ChannelOptions, type ServiceError } from '@grpc/grpc-js';
import { readCliEnvironment } from '../platform/config';
import { addMs } from '../platform/time';

/** How the command line reaches the service: with the person's own certificate, from flags, environment or local stack. */
export interface ConnectionOptions {
  readonly address?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** An identity of the local stack. */
  readonly identity?: string;
}

/** Where to call and as whom. */
export interface Connection {
  readonly address: string;
  readonly channelCredentials: ChannelCredentials;
  readonly channelOptions: ChannelOptions;
}

interface LocalEndpoints {
  readonly grpc: string;
  readonly databaseUrl: string;
  /** Settings of `billing backup`. */
  readonly backup?: Readonly<Record<string, string>>;
  readonly tls: {
    readonly ca: string;
    readonly identities: Readonly<Record<string, { readonly cert: string; readonly key: string }>>;
  };
}

/** The identity of the local stack that may read most. */
const LOCAL_IDENTITY = 'operations';
/** The local stack is reached by IP address, which is no name TLS may ask for; its certificate names localhost too. */
const LOCAL_CHANNEL_OPTIONS: ChannelOptions = { 'grpc.ssl_target_name_override': 'localhost' };
const CALL_TIMEOUT_MS = 10_000;

function readLocalEndpoints(): LocalEndpoints {
  try {
    return JSON.parse(readFileSync('.local/endpoints.json', 'utf8')) as LocalEndpoints;
  } catch {
    throw new Error('no address given and no local stack found: run `npm run up`, or pass --address --ca --cert --key');
  }
}

/** The database to look at: DATABASE_URL, else the local stack's. */
export function findDatabaseUrl(): string {
  return readCliEnvironment().DATABASE_URL ?? readLocalEndpoints().databaseUrl;
}

/** The local stack's settings of `billing backup`; none where there is no local stack. */
export function findLocalBackup(): Readonly<Record<string, string>> {
  try {
    return readLocalEndpoints().backup ?? {};
  } catch {
    return {};
  }
}

/** Opens the way to the service: all of --address --ca --cert --key (or their environment), else the local stack. */
export function openConnection(options: ConnectionOptions): Connection {
  const env = readCliEnvironment();
  const {
    address = env.BILLING_ADDRESS,
    ca = env.BILLING_CA,
    cert = env.BILLING_CERT,
    key = env.BILLING_KEY,
  } = options;
  if (address !== undefined && ca !== undefined && cert !== undefined && key !== undefined) {
    return { address, channelCredentials: readCredentials(ca, cert, key), channelOptions: {} };
  }
  if (address !== undefined || ca !== undefined || cert !== undefined || key !== undefined) {
    throw new Error('--address, --ca, --cert and --key belong together: give all four or none');
  }
  const local = readLocalEndpoints();
  const name = options.identity ?? LOCAL_IDENTITY;
  const identity = local.tls.identities[name];
  if (identity === undefined) {
    throw new Error(`the local stack has no identity ${name}; it has ${Object.keys(local.tls.identities).join(', ')}`);
  }
  const channelCredentials = readCredentials(local.tls.ca, identity.cert, identity.key);
  return { address: local.grpc, channelCredentials, channelOptions: LOCAL_CHANNEL_OPTIONS };
}

function readCredentials(ca: string, cert: string, key: string): ChannelCredentials {
  const [caPem, certPem, keyPem] = [ca, cert, key].map((path) => readFileSync(resolve(path)));
  return credentials.createSsl(caPem ?? null, keyPem ?? null, certPem ?? null);
}

type UnaryCall<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: { deadline: Date },
  callback: (error: ServiceError | null, response: Response) => void,
) => unknown;

/** Calls one RPC with a deadline counted from `now`; few need longer than usual. Rejects with grpc-js's ServiceError. */
export function callUnary<Request, Response>(
  method: UnaryCall<Request, Response>,
  request: Request,
  now: Date,
  timeoutMs = CALL_TIMEOUT_MS,
): Promise<Response> {
  const deadline = addMs(now, timeoutMs);
  return new Promise((resolveCall, reject) => {
    method(request, new Metadata(), { deadline }, (error, response) => {
      if (error === null) resolveCall(response);
      else reject(error);
    });
  });
}
