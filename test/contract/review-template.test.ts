import { CHECKS } from '../../src/audit/review/all-checks';
import { renderHtml } from '../../src/audit/review/render-html';
import { renderMarkdown } from '../../src/audit/review/render-markdown';
import { SECTIONS } from '../../src/audit/review/sections';
import { signReview } from '../../src/audit/review/sign-review';
import { reviewOf } from '../support/review-files';

/** The owner's template, word for word; the day, the numbers and the reviewer are filled in. */
const TEMPLATE = `# 活动营销系统财务安全审查报告

## 审查时间
2026-10-02

## 审查人
billing_guard_skill

## 审查结果总览
- 🔴 严重问题：0 个（必须修复）
- 🟡 中等问题：0 个（建议修复）
- 🟢 轻微问题：0 个（可选修复）

## 详细审查结果

### 1. 金额计算安全性
- [x] 所有折扣金额在后端计算 ✅
- [x] 折扣计算逻辑正确 ✅
- [x] 折扣基准正确（基于实付） ✅

### 2. 并发控制安全性
- [x] 领券使用行锁 ✅
- [x] 库存更新原子性 ✅
- [x] 100并发测试通过 ✅

### 3. 优惠券状态流转
- [x] 状态流转完整 ✅
- [x] 支付失败正确释放 ✅

### 4. 支付金额准确性
- [x] 微信支付金额正确 ✅
- [x] 订单记录完整 ✅

### 5. 防止重复使用
- [x] 唯一约束已设置 ✅
- [x] 状态检查完整 ✅

### 6. 数据一致性
- [x] 库存数据一致 ✅
- [x] GMV计算准确 ✅
`;

const PROBLEMS_AND_VERDICT = `## 发现的问题

### 🔴 严重问题
无

### 🟡 中等问题
无

### 🟢 轻微问题
无

## 最终判定
☑️ **通过审查**，可以合并到主分支

签字：____________
日期：____________
`;

/** R13.9: the report has exactly the owner's headings and lines, in that order; further sections follow in the same form. */
describe('the report of a review', () => {
  const report = renderMarkdown(signReview(reviewOf(), undefined), 'zh');

  test('begins as the template does, up to the last of its six sections', () => {
    expect(report.slice(0, TEMPLATE.length)).toBe(TEMPLATE);
  });

  test('goes on with quota, payment, permissions and backup, then problems and verdict as in the template', () => {
    const headings = [...report.matchAll(/^### (\d+\. .+)$/gm)].map(([, heading]) => heading);
    expect(headings.slice(6)).toEqual([...['7. 配额安全性', '8. 支付与退款安全性', '9. 权限与审计', '10. 备份与恢复']]);
    const at = report.indexOf('## 发现的问题');
    expect(report.slice(at, at + PROBLEMS_AND_VERDICT.length)).toBe(PROBLEMS_AND_VERDICT);
  });

  test('has the headings of the template, and no other; what was reviewed and who signed are lines after the date', () => {
    const headings = ['审查时间', '审查人', '审查结果总览', '详细审查结果', '发现的问题', '最终判定'];
    expect([...report.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)).toEqual(headings);
    const page = renderHtml(signReview(reviewOf(), undefined), 'zh');
    expect([...page.matchAll(/<h2>(.+?)<\/h2>/g)].map(([, heading]) => heading)).toEqual(headings);
    expect(report).toMatch(/\n日期：_+\n\n\*\*审查对象\*\*\n\n- 版本：[^]+\n\n\*\*数字签名\*\*\n\n- SHA-256：?/);
  });

  test('has every heading and line in English, too', () => {
    const english = renderMarkdown(signReview(reviewOf(), undefined), 'en');
    expect(english).not.toMatch(/[\u4e00-\u9fff]/);
    expect([...english.matchAll(/^- \[x\] /gm)]).toHaveLength([...report.matchAll(/^- \[x\] /gm)].length);
  });
});

/** Strictly forbidden: passing what nobody looked at. */
describe('the checks of a review', () => {
  const items = SECTIONS.flatMap((section) => section.items.map(({ id }) => ({ section: section.id, id: id })));

  test('back every line of the checklist', () => {
    const backed = new Set<string>(CHECKS.map(({ item }) => item));
    expect(items.filter(({ id }) => !backed.has(id)).map(({ id }) => id)).toEqual([]);
  });

  test('name a section, and a line of it', () => {
    const places = new Set(items.map(({ section, id }) => `${section} ${id}`));
    expect(CHECKS.filter(({ section, item }) => !places.has(`${section} ${item}`)).map(({ id }) => id)).toEqual([]);
  });

  test('have names of their own', () => {
    const ids = CHECKS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => !/^[a-z][a-z0-9-]*$/.test(id))).toEqual([]);
  });

  test('say what is wrong and what to do in both languages', () => {
    const isChinese = (text: string): boolean => /[\u4e00-\u9fff]/.test(text);
    for (const { id, title, fix } of CHECKS) {
      expect({
        id,
        zh: isChinese(title.zh) && isChinese(fix.zh),
        en: isChinese(title.en) || isChinese(fix.en),
      }).toEqual({
        ...{ id, zh: true, en: false },
      });
    }
  });
});
