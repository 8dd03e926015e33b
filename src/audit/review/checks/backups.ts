import { MS_PER_DAY, MS_PER_MINUTE } from '../../../platform/time';
import type { BackupFacts, Check, CheckContext, Finding } from '../check';

/** Whether what is written could be had back: backups in time, and a drill that really restored one. */

/** A full backup is made daily; two hours are what it may be late. */
const FULL_LATE_MS = MS_PER_DAY + 120 * MS_PER_MINUTE;
/** The binary log arrives several times a second. */
const LOG_LATE_MS = 5 * MS_PER_MINUTE;
const DRILL_LATE_MS = 31 * MS_PER_DAY;

export const BACKUP_CHECKS: readonly Check[] = [
  {
    id: 'backup-late',
    about: 'deployment',
    section: 'backup',
    item: 'backups',
    severity: 'medium',
    title: { zh: '备份缺失或过期', en: 'There is no backup, or only an old one' },
    fix: {
      zh: '运行 billing backup create，并让 billing backup stream 常驻；审查进程须知道 BACKUP_DIR',
      en: 'Run billing backup create and keep billing backup stream running; whoever reviews must know BACKUP_DIR',
    },
    run: (context) => Promise.resolve(findLateBackups(context)),
  },
  {
    id: 'backup-altered',
    about: 'deployment',
    section: 'backup',
    item: 'backups',
    severity: 'severe',
    title: { zh: '备份目标被改动或无法读取', en: 'The backup target was altered, or can not be read' },
    fix: {
      zh: '运行 billing backup verify 找出被改动的文件；在别处重新做一份完整备份',
      en: 'Run billing backup verify to find what was altered, and take a full backup to another place',
    },
    run: ({ facts: { backupFault } }) =>
      Promise.resolve(backupFault === undefined ? [] : [{ evidence: { problem: backupFault } }]),
  },
  {
    id: 'restore-drill-late',
    about: 'deployment',
    section: 'backup',
    item: 'restore-drill',
    severity: 'medium',
    title: { zh: '超过31天没有通过的恢复演练', en: 'No restore drill came out clean for 31 days' },
    fix: {
      zh: '运行 billing backup drill，按 docs/backup.md 处理它报告的问题',
      en: 'Run billing backup drill, and mend what it reports as docs/backup.md says',
    },
    run: (context) => Promise.resolve(findLateDrills(context)),
  },
];

/** How old something is; undefined where there is nothing. */
function ageMs(now: Date, time: Date | undefined): number | undefined {
  return time === undefined ? undefined : now.getTime() - time.getTime();
}

const UNKNOWN: Finding = { evidence: { problem: 'nobody says where backups are kept' } };

function findLateBackups({ now, facts }: CheckContext): readonly Finding[] {
  const { backup } = facts;
  if (backup === undefined) return [UNKNOWN];
  const { lastFullTime, lastLogTime, looseStream } = backup;
  const lateLog = late('binary log', now, lastLogTime, LOG_LATE_MS).map(({ evidence }): Finding => {
    // A stream that has just begun waits for its first backup; after that it looks healthy, and nothing of it can be restored.
    if (looseStream === undefined) return { evidence };
    return { evidence: { ...evidence, problem: 'the newest stream continues no full backup', stream: looseStream } };
  });
  return [...late('full backup', now, lastFullTime, FULL_LATE_MS), ...lateLog];
}

function late(what: string, now: Date, time: Date | undefined, limitMs: number): readonly Finding[] {
  const age = ageMs(now, time);
  if (age !== undefined && age <= limitMs) return [];
  return [{ evidence: { what, last_time: time?.toISOString() ?? null, limit_minutes: limitMs / MS_PER_MINUTE } }];
}

function findLateDrills({ now, facts }: CheckContext): readonly Finding[] {
  const { backup } = facts;
  if (backup === undefined) return [UNKNOWN];
  const { lastDrill } = backup satisfies BackupFacts;
  if (lastDrill?.isClean === false) {
    return [{ evidence: { problem: 'the last drill found faults', time: lastDrill.time.toISOString() } }];
  }
  return late('restore drill', now, lastDrill?.time, DRILL_LATE_MS);
}
