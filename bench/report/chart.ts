import type { ResultRow, Results } from './results';

/** An SVG of the closed-loop figures and of how they change with the number of callers. */

const WIDTH = 760;
const MARGIN = { left: 60, right: 20, top: 74, bottom: 46 };
const PANEL_HEIGHT = 220;
const PANEL_GAP = 74;
const COLOURS: Readonly<Record<string, string>> = {
  echo: '#9aa0a6',
  textbook: '#d9822b',
  ours: '#1f6feb',
  batch: '#6f42c1',
  'rate-limiter-flexible': '#2e8b57',
};
const CALLERS = [1, 16, 64, 256];

interface Panel {
  readonly title: string;
  readonly top: number;
  readonly rows: readonly ResultRow[];
  readonly max: number;
}

/** The next round number: 1, 2 or 5 times a power of ten. */
function ceiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${x}" y="${y}" ${attributes}>${content}</text>`;
}

function yOf({ top, max }: Panel, value: number): number {
  return Math.round(top + PANEL_HEIGHT * (1 - value / max));
}

function xOf(callers: number): number {
  const step = (WIDTH - MARGIN.left - MARGIN.right - 80) / (CALLERS.length - 1);
  return Math.round(MARGIN.left + 40 + CALLERS.indexOf(callers) * step);
}

function axes(panel: Panel): string {
  const parts = [text(MARGIN.left, panel.top - 12, panel.title, 'font-weight="bold"')];
  for (let step = 0; step <= 4; step += 1) {
    const value = (panel.max * step) / 4;
    const y = yOf(panel, value);
    parts.push(`<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y}" y2="${y}" stroke="#e1e4e8"/>`);
    parts.push(text(MARGIN.left - 8, y + 4, String(value), 'text-anchor="end" fill="#586069"'));
  }
  for (const callers of CALLERS) {
    const name = callers === 1 ? '1 caller' : `${callers} callers`;
    const y = panel.top + PANEL_HEIGHT + 20;
    parts.push(text(xOf(callers), y, name, 'text-anchor="middle" fill="#586069"'));
  }
  return parts.join('\n');
}

function line(panel: Panel, variant: string): string {
  const rows = panel.rows.filter((row) => row.variant === variant);
  const colour = COLOURS[variant] ?? '#000000';
  const points = CALLERS.flatMap((callers) => rows.filter((row) => row.callers === callers)).map(
    (row) => [xOf(row.callers), yOf(panel, row.perSecond), row.perSecond] as const,
  );
  const path = points.map(([x, y]) => `${x},${y}`).join(' ');
  return [
    `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...points.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="3.5" fill="${colour}"/>`),
    ...points.map(([x, y, value]) => text(x + 6, y - 6, String(value), `fill="${colour}" font-size="11"`)),
  ].join('\n');
}

function legend(variants: readonly string[]): string {
  let x = MARGIN.left;
  return variants
    .map((variant) => {
      const colour = COLOURS[variant] ?? '#000000';
      const entry = `<rect x="${x}" y="12" width="12" height="12" fill="${colour}"/>${text(x + 17, 22, variant)}`;
      x += 34 + variant.length * 7;
      return entry;
    })
    .join('\n');
}

/** Draws the results. */
export function toChart({ rows, void: voidReason }: Results): string {
  const closed = rows.filter(({ load }) => load === 'closed');
  const variants = Object.keys(COLOURS).filter((name) => closed.some(({ variant }) => variant === name));
  const panels = (
    [
      ['uniform', 'Consumes per second, 10 000 users'],
      ['hot', 'Consumes per second, one hot user'],
      ['claims', 'Claims per second, one hot promotion'],
      ['orders', 'Orders per second, opened at WeChat Pay'],
    ] as const
  )
    .map(([scenario, title]) => ({ title, shown: closed.filter((row) => row.scenario === scenario) }))
    .filter(({ shown }) => shown.length > 0)
    .map(({ title, shown }, index): Panel => {
      const max = ceiling(Math.max(...shown.map(({ perSecond }) => perSecond)));
      return { title, top: MARGIN.top + index * (PANEL_HEIGHT + PANEL_GAP), rows: shown, max };
    });
  const height = MARGIN.top + panels.length * (PANEL_HEIGHT + PANEL_GAP) - PANEL_GAP + MARGIN.bottom;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}"` +
      ` font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    legend(variants),
    ...(voidReason === null ? [] : [text(MARGIN.left, 40, `VOID: ${voidReason}`, 'fill="#b31d28" font-size="11"')]),
    ...panels.map((panel) => [axes(panel), ...variants.map((variant) => line(panel, variant))].join('\n')),
    '</svg>',
    '',
  ].join('\n');
}
