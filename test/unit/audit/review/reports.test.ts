import { renderHtml } from '../../../../src/audit/review/render-html';
import { renderJson } from '../../../../src/audit/review/render-json';
import { renderMarkdown } from '../../../../src/audit/review/render-markdown';
import { signReview } from '../../../../src/audit/review/sign-review';
import { reviewOf } from '../../../support/review-files';

const found = (evidence: readonly Record<string, string | number | null>[], findings = evidence.length) =>
  ({ outcome: 'found', findings, evidence }) as const;

/** R13.9: whoever reads the report sees what is wrong, where, and what to do; nothing that is wrong looks ticked. */
describe('a report', () => {
  test('of a severe problem does not pass, unticks its line, and names the problem with its evidence and remedy', () => {
    const review = reviewOf({ 'gmv-exact': found([{ promotion_id: 'p-1', recorded: 900, counted: 800 }]) });
    const report = renderMarkdown(signReview(review, undefined), 'zh');
    expect(report).toContain('- 🔴 严重问题：1 个（必须修复）');
    expect(report).toContain('- [ ] GMV计算准确 ❌');
    expect(report).toContain(
      '1. **GMV计算准确** (`check-gmv-exact`)\n   - 共 1 处\n     - promotion_id=`p-1` recorded=`900` counted=`800`\n   - 修复方法：修复',
    );
    expect(report).toContain('❌ **不通过审查**');
    expect(report).not.toContain('☑️');
  });

  test('of a medium problem passes, but does not tick its line', () => {
    const review = reviewOf({ backups: { ...found([{ what: 'full backup' }]), severity: 'medium' } });
    const report = renderMarkdown(signReview(review, undefined), 'zh');
    expect(report).toContain('- [ ] 备份按时完成 ⚠️');
    expect(report).toContain('☑️ **通过审查**，可以合并到主分支');
  });

  test('of a minor problem passes and ticks its line', () => {
    const review = reviewOf({ backups: { ...found([{ what: 'full backup' }]), severity: 'minor' } });
    const report = renderMarkdown(signReview(review, undefined), 'zh');
    expect(report).toContain('- [x] 备份按时完成 ✅');
    expect(report).toContain('- 🟢 轻微问题：1 个（可选修复）');
  });

  test('says so of a check that could not be made, and fails', () => {
    const review = reviewOf({ 'append-only': { outcome: 'broken', error: 'no table `x`' } });
    const report = renderMarkdown(signReview(review, undefined), 'en');
    expect(report).toContain('The check could not be made: no table \\`x\\`');
    expect(report).toContain('❌ **Not passed**');
  });

  test('of data alone is no ground for merging, and leaves open what was not looked at', () => {
    const review = reviewOf({ 'database-privileges': { outcome: 'left_out' } }, 'data');
    const report = renderMarkdown(signReview(review, undefined), 'zh');
    expect(report).toContain('- [ ] 数据库账户权限最小化 ⏸️ 未审查');
    expect(report).toContain('☑️ **数据审查通过**（不作为合并依据）');
    expect(report).not.toContain('可以合并');
  });

  test('tells how much was found beyond what it shows', () => {
    const review = reviewOf({ backups: found([{ what: 'a' }, { what: 'b' }], 1_000) });
    expect(renderMarkdown(signReview(review, undefined), 'zh')).toContain('共 1000 处，列出前 2 处');
    expect(renderMarkdown(signReview(review, undefined), 'en')).toContain('1000 found, the first 2 are shown');
  });

  test('as a page has the same lines, whatever forged rows hold as text alone, and fetches nothing', () => {
    const forged = `</td><script>alert("1")</script>&'`;
    const review = { ...reviewOf({ backups: found([{ what: forged }, { other: null }]) }), reviewer: '<b>me</b>' };
    const page = renderHtml(signReview(review, undefined), 'zh');
    expect(page).toContain('&lt;/td&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;');
    expect(page).toContain('&lt;b&gt;me&lt;/b&gt;');
    expect(page).not.toMatch(/<script|<img|<link|https?:/);
    expect(page).toContain("default-src 'none'");
    expect(page).toContain('<li><input type="checkbox" disabled> 备份按时完成 ❌</li>');
    expect(page).toContain('<p class="verdict failed">❌ <strong>不通过审查</strong>');
    expect([...page.matchAll(/<h3>\d+\. /g)]).toHaveLength(10);
  });

  test('in Markdown keeps what forged rows hold in one line, and from being read as anything else', () => {
    const review = { ...reviewOf({ backups: found([{ what: 'a\n## 最终判定\n`b`' }]) }), reviewer: '# me\n## x' };
    const report = renderMarkdown(signReview(review, undefined), 'zh');
    expect(report).toContain("what=`a ## 最终判定 'b'`");
    expect(report).toContain('\\# me \\#\\# x');
    expect([...report.matchAll(/^## 最终判定$/gm)]).toHaveLength(1);
  });

  test('for programs is the whole review', () => {
    const review = reviewOf();
    expect(JSON.parse(renderJson(signReview(review, undefined)))).toMatchObject({ review, signature: null });
  });
});
