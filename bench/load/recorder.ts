import { ErrorInfo } from '../../src/gen/google/rpc/error_details.pb';
import { Status } from '../../src/gen/google/rpc/status.pb';
import { Histogram } from './histogram';
import type { Unacknowledged } from './settings';

const ERROR_INFO_URL = 'type.googleapis.com/google.rpc.ErrorInfo';

/** Everything the load counts. Only what ends within the window counts as done; faults count whenever they happen. */
export class Recorder {
  isMeasuring = false;
  /** Commands acknowledged within the window; repeats count. */
  done = 0;
  /** Commands acknowledged in the whole run; repeats count. */
  acknowledged = 0;
  offered = 0;
  shed = 0;
  replayed = 0;
  wronglyReplayed = 0;
  readonly latency = new Histogram();
  readonly failures: Record<string, number> = {};
  readonly unacknowledged: Unacknowledged[] = [];

  /** A call was answered with OK, and did so many commands. */
  answered(latencyMs: number, commands: number): void {
    this.acknowledged += commands;
    if (!this.isMeasuring) return;
    this.done += commands;
    this.latency.recordMs(latencyMs);
  }

  /** A call, or an item of a batch, failed. */
  failed(status: number, details: string): void {
    const name = `${status}${reasonOf(details)}`;
    this.failures[name] = (this.failures[name] ?? 0) + 1;
  }
}

/** The reason in a refusal's status details, with a space before it. */
function reasonOf(details: string): string {
  if (details === '') return '';
  const { details: entries } = Status.decode(Buffer.from(details, 'base64'));
  const info = entries.find(({ typeUrl }) => typeUrl === ERROR_INFO_URL);
  return info === undefined ? '' : ` ${ErrorInfo.decode(info.value).reason}`;
}
