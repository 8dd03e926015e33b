import { EVENT_LAG_MS_MAX, RATIOS_MAX, type Ratios, type ResultRow, type Results } from './results';

const HEADINGS = [
  'scenario',
  'load',
  'callers',
  'variant',
  'per second',
  'p50 ms',
  'p99 ms',
  'CPU % server+db+redis+load',
  'RSS MiB',
  'failed',
  'rows',
];
/** Columns that are read as words; the others line up their digits. */
const LEFT = new Set(['scenario', 'load', 'variant', 'rows']);

function cells(row: ResultRow): readonly string[] {
  const { server, mariadb, redis, load } = row.cpu;
  const offered = row.offeredPerSecond === null ? '' : ` ${row.offeredPerSecond}/s`;
  return [
    row.scenario,
    `${row.load}${offered}`,
    String(row.callers),
    row.variant,
    String(row.perSecond),
    String(row.p50Ms),
    String(row.p99Ms),
    `${server}+${mariadb}+${redis}+${load}`,
    String(row.memoryMib),
    String(row.failed),
    row.correct ? 'correct' : 'WRONG',
  ];
}

function align(lines: readonly (readonly string[])[]): string {
  const widths = HEADINGS.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const cell = (text: string, column: number): string => {
    const width = widths[column] ?? 0;
    return LEFT.has(HEADINGS[column] ?? '') ? text.padEnd(width) : text.padStart(width);
  };
  return lines.map((line) => line.map(cell).join('  ').trimEnd()).join('\n');
}

/** What is said of a ratio that has a limit. */
function verdictOf(name: keyof Ratios, value: number | null): string {
  const most = RATIOS_MAX[name];
  if (most === undefined || value === null) return '';
  return `  at most ${most}: ${value <= most ? 'kept' : 'EXCEEDED'}`;
}

/** How long events take, of rows that were watched for it. */
function lagLines(rows: readonly ResultRow[]): readonly string[] {
  return rows.flatMap(({ eventLag, perSecond }) => {
    if (eventLag === null) return [];
    const { p50Ms, p99Ms, maxMs } = eventLag;
    const verdict = maxMs < EVENT_LAG_MS_MAX ? 'kept' : 'EXCEEDED';
    return [
      `  event lag at ${perSecond}/s: p50 ${p50Ms} ms, p99 ${p99Ms} ms, longest ${maxMs} ms  below ${EVENT_LAG_MS_MAX} ms: ${verdict}`,
    ];
  });
}

/** The results as people read them. */
export function toTable({ machine, commit, rows, ratios }: Results): string {
  const about = Object.entries(machine).map(([name, value]) => `${name} ${value}`);
  const lines = (Object.entries(ratios) as [keyof Ratios, number | null][]).map(
    ([name, value]) => `  ${name.padEnd(30)} ${value ?? 'not measured'}${verdictOf(name, value)}`,
  );
  return [
    `${about.join(' · ')} · commit ${commit}`,
    '',
    align([HEADINGS, ...rows.map(cells)]),
    '',
    ...lines,
    ...lagLines(rows),
    '',
  ].join('\n');
}
