import { businessDay, fromEpochMs } from '../../platform/time';
import type { Language } from './bilingual';
import type { Severity } from './check';
import { signatureLines } from './render-markdown';
import { itemState, problemsOf, type CheckResult, type ReviewDocument } from './review-document';
import {
  countLine,
  foundLine,
  itemMark,
  say,
  SEVERITIES,
  severityName,
  subjectLines,
  verdictLine,
} from './report-words';
import { SECTIONS } from './sections';
import type { SignedReview } from './sign-review';

const STYLE = `
  :root { color-scheme: light dark; }
  body { font: 16px/1.6 system-ui, "PingFang SC", "Microsoft YaHei", sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.6rem; } h2 { border-bottom: 1px solid #8884; padding-bottom: .2rem; margin-top: 2rem; }
  ul.checklist { list-style: none; padding-left: 0; }
  table { border-collapse: collapse; width: 100%; font-size: .85rem; margin: .5rem 0; }
  th, td { border: 1px solid #8884; padding: .2rem .5rem; text-align: left; overflow-wrap: anywhere; }
  code { overflow-wrap: anywhere; }
  .verdict { font-size: 1.2rem; padding: .6rem 1rem; border: 2px solid; border-radius: .4rem; }
  .passed { border-color: #2a8f3d; } .failed { border-color: #c62828; }
  details { margin: .5rem 0; } summary { cursor: pointer; }
  @media print { body { margin: 0; } details > * { display: block; } }
`;

/** The same report as one page that needs nothing else: to be looked at, printed, signed by hand. */
export function renderHtml(signed: SignedReview, language: Language): string {
  const { review } = signed;
  const h2 = (word: Parameters<typeof say>[0]): string => `<h2>${say(word, language)}</h2>`;
  const body = [
    `<h1>${say('title', language)}</h1>`,
    `${h2('time')}<p>${businessDay(fromEpochMs(Date.parse(review.review_time)))}</p>`,
    `${h2('reviewer')}<p>${text(review.reviewer)}</p>`,
    h2('overview'),
    list(SEVERITIES.map((severity) => countLine(severity, review.problems[severity], language))),
    h2('details'),
    ...SECTIONS.map((section, i) => {
      const items = section.items.map(({ id, text: line }) => itemLine(review, id, line[language], language));
      return `<h3>${i + 1}. ${text(section.heading[language])}</h3><ul class="checklist">${items.join('')}</ul>`;
    }),
    h2('problems'),
    ...SEVERITIES.map((severity) => problemsHtml(review, severity, language)),
    h2('verdict'),
    `<p class="verdict ${review.verdict}">${emphasised(verdictLine(review, language))}</p>`,
    `<p>${say('signed', language)}</p><p>${say('dated', language)}</p>`,
    // No headings of ours: the template has its own, and these are none of them.
    `<p><strong>${say('subject', language)}</strong></p>${list(subjectLines(review, language))}`,
    `<p><strong>${say('signature', language)}</strong></p><ul>${signatureLines(signed, language)
      .map((line) => `<li>${coded(line)}</li>`)
      .join('')}</ul>`,
  ];
  return [
    `<!doctype html><html lang="${language === 'zh' ? 'zh-CN' : 'en'}"><head><meta charset="utf-8">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    // Whatever a forged row holds, nothing is run and nothing is fetched.
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    `<title>${say('title', language)}</title><style>${STYLE}</style></head><body>`,
    ...body,
    '</body></html>\n',
  ].join('\n');
}

function itemLine(review: ReviewDocument, item: string, words: string, language: Language): string {
  const { isTicked, sign } = itemMark(itemState(review, item), language);
  return `<li><input type="checkbox" disabled${isTicked ? ' checked' : ''}> ${text(words)} ${sign}</li>`;
}

function problemsHtml(review: ReviewDocument, severity: Severity, language: Language): string {
  const problems = problemsOf(review, severity);
  const content =
    problems.length === 0
      ? `<p>${say('none', language)}</p>`
      : `<ol>${problems.map((problem) => problemHtml(problem, language)).join('')}</ol>`;
  return `<h3>${severityName(severity, language)}</h3>${content}`;
}

function problemHtml(problem: CheckResult, language: Language): string {
  const { id, title, fix, findings, evidence, error, outcome } = problem;
  const colon = language === 'zh' ? '：' : ': ';
  return [
    `<li><strong>${text(title[language])}</strong> (<code>${text(id)}</code>)`,
    outcome === 'broken' ? `<p>${say('broken', language)}${colon}${text(error)}</p>` : '',
    findings === 0 ? '' : `<details open><summary>${foundLine(findings, evidence.length, language)}</summary>`,
    findings === 0 ? '' : `${evidenceTable(evidence)}</details>`,
    `<p>${say('fix', language)}${colon}${text(fix[language])}</p></li>`,
  ].join('');
}

/** Pieces of evidence of one check have the same names, mostly. */
function evidenceTable(evidence: CheckResult['evidence']): string {
  const names = [...new Set(evidence.flatMap((piece) => Object.keys(piece)))];
  const row = (tag: 'th' | 'td', cells: readonly string[]): string =>
    `<tr>${cells.map((cell) => `<${tag}>${text(cell)}</${tag}>`).join('')}</tr>`;
  const rows = evidence.map((piece) =>
    row(
      'td',
      names.map((name) => shown(piece[name])),
    ),
  );
  return `<table>${row('th', names)}${rows.join('')}</table>`;
}

function shown(value: string | number | null | undefined): string {
  if (value === undefined) return '';
  return value === null ? 'NULL' : String(value);
}

function list(lines: readonly string[]): string {
  return `<ul>${lines.map((line) => `<li>${text(line)}</li>`).join('')}</ul>`;
}

/** Text of the database, which may hold anything, as text and nothing else. */
function text(value: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return value.replace(/[&<>"']/g, (sign) => entities[sign] ?? '');
}

/** Our own words, in which `**` marks what is strong. */
function emphasised(words: string): string {
  return text(words).replace(/\*\*(.+?)\*\*/g, '<strong>$1</strong>');
}

function coded(words: string): string {
  return text(words).replace(/`(.+?)`/g, '<code>$1</code>');
}
