import {
  TaskState as TaskStateMessage,
  TaskStatusServiceService,
  type TaskStatus,
} from '../gen/billing/v1/task_status_service.pb';
import { createRpcClient, type RpcClientOptions } from '../platform/rpc/client';
import { TASK_KEYS_MAX, type TaskKey, type TaskState, type TaskStatusSource } from './task-status';

/** UNSPECIFIED, UNRECOGNIZED and numbers of a later interface say nothing that money may follow. */
function toTaskState(state: TaskStateMessage): TaskState {
  switch (state) {
    case TaskStateMessage.RUNNING:
      return 'RUNNING';
    case TaskStateMessage.SUCCEEDED:
      return 'SUCCEEDED';
    case TaskStateMessage.FAILED:
      return 'FAILED';
    default:
      return 'UNKNOWN';
  }
}

/** Throws unless there is one status for each task, in the order asked: otherwise a state might be another task's. */
function toTaskStates(tasks: readonly TaskKey[], statuses: readonly TaskStatus[]): readonly TaskState[] {
  if (statuses.length !== tasks.length) {
    throw new Error(`the task service was asked about ${tasks.length} tasks and answered about ${statuses.length}`);
  }
  return statuses.map(({ userId, taskId, state }, i) => {
    if (userId !== tasks[i]?.userId || taskId !== tasks[i].taskId) {
      throw new Error(`the task service answered about another task at place ${i}`);
    }
    return toTaskState(state);
  });
}

/** A TaskStatusSource that holds a connection. */
export interface TaskStatusClient extends TaskStatusSource {
  /** Connects anew with this material. */
  renewTls(tls: RpcClientOptions['tls']): void;
  close(): void;
}

/** Asks the AI task service's TaskStatusService (docs/task-status.md). Connects when first asked. */
export function createTaskStatusSource(options: RpcClientOptions): TaskStatusClient {
  const client = createRpcClient(options);
  return {
    ask: async (tasks, signal) => {
      if (tasks.length > TASK_KEYS_MAX) throw new RangeError(`${tasks.length} tasks are more than one question holds`);
      if (tasks.length === 0) return [];
      const request = { tasks: tasks.map(({ userId, taskId }) => ({ userId, taskId })) };
      const { statuses } = await client.call(TaskStatusServiceService.getTaskStatuses, request, signal);
      return toTaskStates(tasks, statuses);
    },
    renewTls: (tls) => client.renewTls(tls),
    close: () => client.close(),
  };
}
