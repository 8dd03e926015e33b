import type { Bilingual, Language } from './bilingual';
import type { Severity } from './check';
import type { ItemState, ReviewDocument } from './review-document';

/** The words of the report. Those in Chinese are the owner's template where it has them. */
const WORDS = {
  title: { zh: '活动营销系统财务安全审查报告', en: 'Financial safety review of the marketing and billing system' },
  time: { zh: '审查时间', en: 'Time of review' },
  reviewer: { zh: '审查人', en: 'Reviewer' },
  overview: { zh: '审查结果总览', en: 'Overview' },
  details: { zh: '详细审查结果', en: 'Results in detail' },
  problems: { zh: '发现的问题', en: 'Problems found' },
  verdict: { zh: '最终判定', en: 'Verdict' },
  subject: { zh: '审查对象', en: 'What was reviewed' },
  signature: { zh: '数字签名', en: 'Digital signature' },
  none: { zh: '无', en: 'none' },
  fix: { zh: '修复方法', en: 'Remedy' },
  evidence: { zh: '证据', en: 'Evidence' },
  check: { zh: '检查', en: 'Check' },
  broken: { zh: '检查无法执行', en: 'The check could not be made' },
  signed: { zh: '签字：____________', en: 'Signed: ____________' },
  dated: { zh: '日期：____________', en: 'Date: ____________' },
  unsigned: { zh: '未签名：没有可用的签名密钥', en: 'Not signed: there was no key' },
  noCommit: { zh: '未知提交', en: 'unknown commit' },
  dataOnly: {
    zh: '仅审查数据：账户、备份与构建未审查',
    en: 'Data alone was reviewed: accounts, backups and the build were not',
  },
  closed: {
    zh: '未打开回调原文核对：审查方没有数据密钥（DATA_KEYS）',
    en: 'The signed originals of callbacks were not opened: the review had no data keys (DATA_KEYS)',
  },
} as const satisfies Readonly<Record<string, Bilingual>>;

export type Word = keyof typeof WORDS;

export function say(word: Word, language: Language): string {
  return WORDS[word][language];
}

/** The three severities, worst first. */
export const SEVERITIES: readonly Severity[] = ['severe', 'medium', 'minor'];

const SEVERITY_NAMES: Readonly<Record<Severity, Bilingual>> = {
  severe: { zh: '🔴 严重问题', en: '🔴 Severe problems' },
  medium: { zh: '🟡 中等问题', en: '🟡 Medium problems' },
  minor: { zh: '🟢 轻微问题', en: '🟢 Minor problems' },
};

const OBLIGATIONS: Readonly<Record<Severity, Bilingual>> = {
  severe: { zh: '必须修复', en: 'must be mended' },
  medium: { zh: '建议修复', en: 'should be mended' },
  minor: { zh: '可选修复', en: 'may be mended' },
};

export function severityName(severity: Severity, language: Language): string {
  return SEVERITY_NAMES[severity][language];
}

/** How many problems of a severity there are, as the overview says it. */
export function countLine(severity: Severity, count: number, language: Language): string {
  const name = severityName(severity, language);
  const obligation = OBLIGATIONS[severity][language];
  return language === 'zh' ? `${name}：${count} 个（${obligation}）` : `${name}: ${count} (${obligation})`;
}

/** How many things a check found, and how many of them the report shows. */
export function foundLine(found: number, shown: number, language: Language): string {
  if (language === 'zh') return found > shown ? `共 ${found} 处，列出前 ${shown} 处` : `共 ${found} 处`;
  return found > shown ? `${found} found, the first ${shown} are shown` : `${found} found`;
}

/** The mark of a line of the checklist: ticked where nothing is to be mended. */
export function itemMark(state: ItemState, language: Language): { readonly isTicked: boolean; readonly sign: string } {
  if (state === 'open') return { isTicked: false, sign: language === 'zh' ? '⏸️ 未审查' : '⏸️ not reviewed' };
  if (state === 'bad') return { isTicked: false, sign: '❌' };
  return state === 'doubtful' ? { isTicked: false, sign: '⚠️' } : { isTicked: true, sign: '✅' };
}

/** The verdict, as the template words it. */
export function verdictLine({ verdict, scope }: ReviewDocument, language: Language): string {
  if (verdict === 'failed') {
    return language === 'zh'
      ? '❌ **不通过审查**，严重问题修复并重新审查之前不得合并到主分支'
      : '❌ **Not passed**: nothing is merged before the severe problems are mended and reviewed again';
  }
  if (scope === 'data') {
    return language === 'zh'
      ? '☑️ **数据审查通过**（不作为合并依据）'
      : '☑️ **The data passed** (no ground for merging)';
  }
  return language === 'zh' ? '☑️ **通过审查**，可以合并到主分支' : '☑️ **Passed**: may be merged into the main branch';
}

/** What was reviewed, in a line each. */
export function subjectLines(review: ReviewDocument, language: Language): readonly string[] {
  const { build, database, scope, milliseconds } = review;
  const { name, server, users, orders, payments, quota_logs: logs } = database;
  const commit = build.commit === '' ? say('noCommit', language) : build.commit;
  const seconds = Math.ceil(milliseconds / 1_000);
  const checks = review.checks.filter(({ outcome }) => outcome !== 'left_out').length;
  const lines =
    language === 'zh'
      ? [
          `版本：billing-guard ${build.version}（${commit}）`,
          `数据库：${name}（${server}）`,
          `数据量：用户 ${users}、订单 ${orders}、支付 ${payments}、配额日志 ${logs}`,
          `检查项：${checks} 项，用时 ${seconds} 秒`,
        ]
      : [
          `Version: billing-guard ${build.version} (${commit})`,
          `Database: ${name} (${server})`,
          `Rows: ${users} users, ${orders} orders, ${payments} payments, ${logs} rows of quota logs`,
          `Checks: ${checks}, in ${seconds} s`,
        ];
  return [
    ...lines,
    ...(scope === 'data' ? [say('dataOnly', language)] : []),
    ...(areBodiesClosed(review) ? [say('closed', language)] : []),
  ];
}

/** The check of them is about data, so nothing else leaves it out. */
function areBodiesClosed({ checks }: ReviewDocument): boolean {
  return checks.some(({ id, outcome }) => id === 'callback-differs-from-original' && outcome === 'left_out');
}
