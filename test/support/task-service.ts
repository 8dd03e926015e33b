import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Server, ServerCredentials, type handleUnaryCall } from '@grpc/grpc-js';
import {
  TaskState as TaskStateMessage,
  TaskStatusServiceService,
  type GetTaskStatusesRequest,
  type GetTaskStatusesResponse,
  type TaskStatus,
} from '../../src/gen/billing/v1/task_status_service.pb';
import type { TlsMaterial } from '../../src/platform/rpc/credentials';
import type { TaskKey, TaskState } from '../../src/quota/task-status';

/** What a task service answers instead of what it knows. */
type Distortion = (statuses: readonly TaskStatus[]) => readonly TaskStatus[];

/** An AI task service that implements TaskStatusService and answers as a test tells it. */
export interface TaskService {
  /** `localhost:port`, for TASK_STATUS_ADDRESS; the same after `down` and `up`. */
  readonly address: string;
  /** What it was asked, call by call. */
  readonly asked: (readonly TaskKey[])[];
  /** Subject alternative names of the certificate that each call came with. */
  readonly callers: (string | undefined)[];
  /** How a task stands from now on. A task that was never told is UNKNOWN. A number is sent as it is. */
  tell(task: TaskKey, state: TaskState | 'UNSPECIFIED' | number): void;
  /** Answers what it was told, at once: how it begins, and the end of `slow` and `nonsense`. */
  answer(): void;
  /** Takes calls and never answers them. */
  slow(): void;
  /** Answers what the distortion makes of the truth; without one, about one task too few. */
  nonsense(distortion?: Distortion): void;
  /** Stops: its port refuses connections, calls in flight are cut. */
  down(): Promise<void>;
  /** Starts again on the same port. */
  up(): Promise<void>;
  /** The end; like `down`. */
  stop(): Promise<void>;
}

/** The material of a certificate that the local CA issued: `server`, or the name of an identity. */
export function tlsMaterialOf(tlsDir: string, name: string): TlsMaterial {
  const read = (file: string): string => readFileSync(join(tlsDir, file), 'utf8');
  return { ca: read('ca.crt'), cert: read(`${name}.crt`), key: read(`${name}.key`) };
}

/** Starts a task service that lets in whoever has a certificate of its CA, on a free port of 127.0.0.1. */
export async function startTaskService(tls: TlsMaterial): Promise<TaskService> {
  const states = new Map<string, number>();
  const keyOf = ({ userId, taskId }: TaskKey): string => JSON.stringify([userId, taskId]);
  const stateOf = (task: TaskKey): number => states.get(keyOf(task)) ?? TaskStateMessage.UNKNOWN;
  const asked: (readonly TaskKey[])[] = [];
  const callers: (string | undefined)[] = [];
  let distort: Distortion | 'slow' | undefined;

  const getTaskStatuses: handleUnaryCall<GetTaskStatusesRequest, GetTaskStatusesResponse> = (call, callback) => {
    const { tasks } = call.request;
    asked.push(tasks);
    callers.push(call.getAuthContext().sslPeerCertificate?.subjectaltname);
    if (distort === 'slow') return;
    const statuses = tasks.map((task): TaskStatus => ({ ...task, state: stateOf(task) }));
    callback(null, { statuses: [...(distort?.(statuses) ?? statuses)] });
  };

  let server: Server | undefined;
  let port = 0;
  const down = async (): Promise<void> => {
    server?.forceShutdown();
    server = undefined;
  };
  const up = async (): Promise<void> => {
    const pair = { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) };
    const credentials = ServerCredentials.createSsl(Buffer.from(tls.ca), [pair], true);
    const starting = new Server();
    starting.addService(TaskStatusServiceService, { getTaskStatuses });
    port = await new Promise<number>((resolve, reject) => {
      starting.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    server = starting;
  };

  await up();
  return {
    address: `localhost:${port}`,
    asked,
    callers,
    tell: (task, state) => void states.set(keyOf(task), typeof state === 'number' ? state : TaskStateMessage[state]),
    answer: () => {
      distort = undefined;
    },
    slow: () => {
      distort = 'slow';
    },
    nonsense: (distortion = (statuses) => statuses.slice(1)) => {
      distort = distortion;
    },
    down,
    up,
    stop: down,
  };
}
