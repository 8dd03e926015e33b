import { reviewAccounts } from '../../../src/platform/review-accounts-setting';

/** REVIEW_ACCOUNTS: what the accounts of the database are called. */
describe('the names of the reviewed accounts', () => {
  const standard = {
    app: 'billing_app',
    report: 'billing_report',
    migrate: 'billing_migrate',
    backup: 'billing_backup',
  };

  test('are those of the local stack, unless somebody says otherwise', () => {
    expect(reviewAccounts.parse(undefined)).toEqual(standard);
    expect(reviewAccounts.parse('')).toEqual(standard);
    expect(reviewAccounts.parse('report=reader,app=server-1')).toEqual({
      ...standard,
      app: 'server-1',
      report: 'reader',
    });
  });

  test.each(['root=root', 'app=', 'app=a b', 'app', "app=x'y"])('are refused as %s', (list) => {
    expect(reviewAccounts.safeParse(list).success).toBe(false);
  });
});
