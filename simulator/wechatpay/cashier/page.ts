import type { Books } from '../books';
import { yuan } from '../money';
import type { Order, TradeState } from '../order';
import { refundedFen, refundStatus } from '../refund';
import { WORDINGS, type Language, type Note } from './wording';

export interface PageInput {
  readonly books: Books;
  readonly now: Date;
  readonly language: Language;
  /** Show this order alone. */
  readonly orderId: string | undefined;
  readonly note: Note | undefined;
}

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 68rem; padding: 0 1rem; color: #1a1a1a; }
  table { border-collapse: collapse; width: 100%; } th, td { padding: .5rem; text-align: left; border-bottom: 1px solid #ddd; }
  .fen, th:nth-child(3) { text-align: right; font-variant-numeric: tabular-nums; } form { display: inline; }
  button { font: inherit; padding: .25rem .75rem; } .hint { color: #555; } .note { background: #e8f5e9; padding: .5rem 1rem; }
`;

/** Of a page with orders: newest first, with the buttons that make sense for each. Complete HTML, no script needed. */
export function cashierPage(input: PageInput): string {
  const { language, note, orderId } = input;
  const words = WORDINGS[language];
  const orders = shownOrders(input);
  const none = orderId === undefined ? words.noOrders : words.notFound;
  return `<!doctype html>
<html lang="${words.languageTag}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(words.title)}</title><style>${STYLE}</style></head>
<body>
<h1>${escapeHtml(words.title)}</h1>
<p class="hint">${escapeHtml(words.hint)}</p>
<p><a href="${href(language, undefined)}">${escapeHtml(words.all)}</a> ·
<a href="${href(language === 'zh' ? 'en' : 'zh', orderId)}">${escapeHtml(words.other)}</a></p>
${note === undefined ? '' : `<p class="note" role="status" data-note="${note}">${escapeHtml(words.notes[note])}</p>`}
${orders.length === 0 ? `<p>${escapeHtml(none)}</p>` : table(input, orders)}
</body></html>
`;
}

/** The address of the page; `order` and `lang` as the page itself understands them. */
export function href(language: Language, orderId: string | undefined, note?: Note): string {
  const order: Record<string, string> = orderId === undefined ? {} : { order: orderId };
  const query = new URLSearchParams({ ...order, lang: language, ...(note === undefined ? {} : { note }) });
  return escapeHtml(`/cashier?${query.toString()}`);
}

function shownOrders({ books, orderId }: PageInput): Order[] {
  if (orderId === undefined) return books.orders().reverse();
  const order = books.order(orderId);
  return order === undefined ? [] : [order];
}

function table(input: PageInput, orders: readonly Order[]): string {
  const heads = WORDINGS[input.language].columns.map((column) => `<th>${escapeHtml(column)}</th>`);
  const rows = orders.map((order) => row(input, order));
  return `<table><thead><tr>${heads.join('')}</tr></thead><tbody>\n${rows.join('\n')}\n</tbody></table>`;
}

function row(input: PageInput, order: Order): string {
  const { books, now, language } = input;
  const words = WORDINGS[language];
  const state = books.tradeState(order, now);
  const id = escapeHtml(order.outTradeNo);
  const failed = order.failedAttempts === undefined ? '' : ` (${words.failedAttempts}: ${order.failedAttempts})`;
  const refunds = books
    .refundsOf(order.outTradeNo)
    .map((refund) => `${yuan(refund.amountFen)} ${words.refundStates[refundStatus(refund)]}`);
  const cells = [
    `<td><a href="${href(language, order.outTradeNo)}">${id}</a></td>`,
    `<td>${escapeHtml(order.parameters.description)}</td>`,
    `<td class="fen">¥${yuan(order.parameters.amount.total)}</td>`,
    `<td data-state="${state}">${escapeHtml(words.states[state] + failed)}</td>`,
    `<td>${escapeHtml(refunds.join(', '))}</td>`,
    `<td>${actionsOf(books, order, state, now)
      .map((action) => button(input, order, action))
      .join(' ')}</td>`,
  ];
  return `<tr data-order="${id}">${cells.join('')}</tr>`;
}

export const ACTIONS = ['pay', 'fail', 'refund'] as const;
export type Action = (typeof ACTIONS)[number];

function actionsOf(books: Books, order: Order, state: TradeState, now: Date): Action[] {
  if (state === 'NOTPAY') return now.getTime() > order.expireTimeMs ? [] : ['pay', 'fail'];
  const leftFen = (order.transaction?.amountFen ?? 0) - refundedFen(books.refundsOf(order.outTradeNo));
  return leftFen > 0 ? ['refund'] : [];
}

function button({ language, orderId }: PageInput, order: Order, action: Action): string {
  const id = escapeHtml(order.outTradeNo);
  const fields = [
    `<input type="hidden" name="order" value="${id}">`,
    `<input type="hidden" name="lang" value="${language}">`,
    ...(orderId === undefined ? [] : ['<input type="hidden" name="alone" value="1">']),
  ];
  const label = escapeHtml(WORDINGS[language][action]);
  const click = `<button data-action="${action}" data-order="${id}">${label}</button>`;
  return `<form method="post" action="/cashier/${action}">${fields.join('')}${click}</form>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
