import { businessDay, fromEpochMs } from '../../platform/time';
import type { Language } from './bilingual';
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

/** The report for people: the owner's template, filled in. What the template does not have stands at its end. */
export function renderMarkdown(signed: SignedReview, language: Language): string {
  const { review } = signed;
  const heading = (depth: number, text: string): string => `${'#'.repeat(depth)} ${text}`;
  const { severe, medium, minor } = review.problems;
  const counts = { severe, medium, minor };
  return [
    heading(1, say('title', language)),
    '',
    ...[heading(2, say('time', language)), businessDay(fromEpochMs(Date.parse(review.review_time))), ''],
    ...[heading(2, say('reviewer', language)), text(review.reviewer), ''],
    heading(2, say('overview', language)),
    ...SEVERITIES.map((severity) => `- ${countLine(severity, counts[severity], language)}`),
    '',
    ...[heading(2, say('details', language)), ''],
    ...SECTIONS.flatMap((section, i) => [
      heading(3, `${i + 1}. ${section.heading[language]}`),
      ...section.items.map(({ id, text: line }) => itemLine(review, id, line[language], language)),
      '',
    ]),
    ...[heading(2, say('problems', language)), ''],
    ...SEVERITIES.flatMap((severity) => [
      heading(3, severityName(severity, language)),
      ...problemLines(problemsOf(review, severity), language),
      '',
    ]),
    ...[heading(2, say('verdict', language)), verdictLine(review, language), ''],
    ...[say('signed', language), say('dated', language), ''],
    // No headings of ours: the template has its own, and these are none of them.
    ...[label('subject', language), ...subjectLines(review, language).map((line) => `- ${text(line)}`), ''],
    ...[label('signature', language), ...signatureLines(signed, language).map((line) => `- ${line}`), ''],
  ].join('\n');
}

function label(word: 'subject' | 'signature', language: Language): string {
  return `**${say(word, language)}**\n`;
}

function itemLine(review: ReviewDocument, item: string, words: string, language: Language): string {
  const { isTicked, sign } = itemMark(itemState(review, item), language);
  return `- [${isTicked ? 'x' : ' '}] ${words} ${sign}`;
}

function problemLines(problems: readonly CheckResult[], language: Language): readonly string[] {
  if (problems.length === 0) return [say('none', language)];
  return problems.flatMap((problem, i) => problemText(problem, i + 1, language));
}

function problemText(problem: CheckResult, number: number, language: Language): readonly string[] {
  const { id, title, fix, findings, evidence, error, outcome } = problem;
  const found = findings === 0 ? [] : [`   - ${foundLine(findings, evidence.length, language)}`];
  const colon = language === 'zh' ? '：' : ': ';
  return [
    `${number}. **${title[language]}** (\`${id}\`)`,
    ...(outcome === 'broken' ? [`   - ${say('broken', language)}${colon}${text(error)}`] : []),
    ...found,
    ...evidence.map((piece) => `     - ${evidenceText(piece)}`),
    `   - ${say('fix', language)}${colon}${fix[language]}`,
  ];
}

function evidenceText(piece: CheckResult['evidence'][number]): string {
  return Object.entries(piece)
    .map(([name, value]) => `${name}=${code(String(value ?? 'NULL'))}`)
    .join(' ');
}

/** The hash that the signature is over, and how to verify it. */
export function signatureLines({ sha256, signature }: SignedReview, language: Language): readonly string[] {
  if (signature === null) return [`SHA-256: \`${sha256}\``, say('unsigned', language)];
  return [
    `SHA-256: \`${sha256}\``,
    `Ed25519 (${signature.key_id}): \`${signature.signature}\``,
    language === 'zh'
      ? '验证：`billing audit review --verify <同名 .json 文件>`'
      : 'To verify: `billing audit review --verify <the .json file of the same name>`',
  ];
}

/** Text of the database, which may hold anything, as text and nothing else. */
function text(value: string): string {
  // Within a word `_` means nothing, and escaped it would only be harder to read.
  return value.replace(/[\r\n]+/g, ' ').replace(/[\\`*[\]<>|#]|(?<!\w)_|_(?!\w)/g, (sign) => `\\${sign}`);
}

function code(value: string): string {
  return `\`${value.replace(/[\r\n]+/g, ' ').replaceAll('`', "'")}\``;
}
