import { renameSync, writeFileSync } from 'node:fs';
import type { LogPosition } from './documents';

/** How far a stream is. */
export interface ShipProgress extends LogPosition {
  readonly stream: string;
  /** Everything that was acknowledged before is in the target. */
  readonly provenTime: Date;
  readonly lagMs: number;
}

/** The stream's metrics: a file in Prometheus' text format, for the node exporter's textfile collector. */
export interface StreamMetrics {
  shipped(progress: ShipProgress): void;
  /** The database is away: the proof gets older. */
  away(): void;
}

export interface StreamMetricsParts {
  /** None: no metrics. */
  readonly metricsFile?: string | undefined;
  readonly tell: (line: string) => void;
}

function linesOf(isUp: boolean, progress: ShipProgress | undefined): readonly string[] {
  const up = [
    '# HELP billing_backup_stream_up Whether the binary log is followed.',
    '# TYPE billing_backup_stream_up gauge',
    `billing_backup_stream_up ${isUp ? 1 : 0}`,
  ];
  if (progress === undefined) return up;
  return [
    ...up,
    '# HELP billing_backup_proven_timestamp_seconds Everything acknowledged before is in the backup target.',
    '# TYPE billing_backup_proven_timestamp_seconds gauge',
    `billing_backup_proven_timestamp_seconds ${progress.provenTime.getTime() / 1_000}`,
    '# HELP billing_backup_lag_seconds How far the backup target was behind at the last look.',
    '# TYPE billing_backup_lag_seconds gauge',
    `billing_backup_lag_seconds ${progress.lagMs / 1_000}`,
  ];
}

/** Makes them. A file that can not be written is told of, and no reason to stop shipping. */
export function createStreamMetrics({ metricsFile, tell }: StreamMetricsParts): StreamMetrics {
  let last: ShipProgress | undefined;
  const write = (isUp: boolean): void => {
    if (metricsFile === undefined) return;
    try {
      writeFileSync(`${metricsFile}.new`, `${linesOf(isUp, last).join('\n')}\n`);
      renameSync(`${metricsFile}.new`, metricsFile);
    } catch (error) {
      tell(`the metrics can not be written: ${String(error)}`);
    }
  };
  return {
    shipped: (progress) => {
      last = progress;
      write(true);
    },
    away: () => write(false),
  };
}
