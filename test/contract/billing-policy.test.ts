import { readFileSync } from 'node:fs';
import { loadConfig } from '../../src/platform/config';
import { runModule } from '../support/command';
import { requiredSettings } from '../support/settings';

/** R1.1, R1.2: the policy is written down in the owner's seven steps, and its numbers are the running rules'. */
describe('docs/billing-policy.zh.md', () => {
  const page = readFileSync('docs/billing-policy.zh.md', 'utf8');

  test('is what `npm run docs:policy` makes of the rules as they are now', () => {
    const check = "process.argv.push('--check'); await import('./scripts/billing-policy.mjs');";
    expect(runModule(check)).toMatchObject({ code: 0, stderr: '' });
  });

  test("has the owner's seven headings, in the owner's order", () => {
    expect([...page.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)).toEqual([
      '1 计费策略分析和风险评估',
      '2 会员管理和配额发放',
      '3 配额扣减和返还机制',
      '4 支付集成和订单管理',
      '5 成本监控和预警机制',
      '6 财务对账和报表生成',
      '7 审计追踪和合规检查',
    ]);
  });

  test('says the numbers that the service runs with when nobody sets any', () => {
    const config = loadConfig(requiredSettings());
    const [registration = ''] = page.split('\n').filter((line) => line.startsWith('| 新用户注册 |'));
    expect(registration).toContain(
      `| ${config.REGISTRATION_GRANT_UNITS} 单位 | ${config.REGISTRATION_GRANT_DAYS} 天 |`,
    );
    expect(page).toContain(`| ¥${config.REFUND_SECOND_PERSON_FEN / 100} | \`REFUND_SECOND_PERSON_FEN\` |`);
    expect(page).toContain(`${config.SETTLE_AFTER_MINUTES} 分钟后由系统向任务服务查询`);
  });

  test('fails rather than leaves out a rule that has gone', () => {
    const ask = (what: string): string =>
      `const { readFacts } = await import('./scripts/lib/policy/facts.mjs'); readFacts().${what};`;
    for (const what of ["setting('NO_SUCH')", "alert('no_such')", "error('NO_SUCH')", "plan('none')", "job('none')"]) {
      expect({ what, ...runModule(ask(what)) }).toMatchObject({ what, code: 1 });
    }
    expect(runModule(ask("constant('src/refund/refund-policy.ts', 'NO_SUCH')")).stderr).toContain(
      'has no NO_SUCH any more',
    );
  });
});
