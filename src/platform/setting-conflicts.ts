/**
 * What of the service's settings is refused beside malformed values: what does not go together, or not with production. Judged on
 * the raw settings, so that it is said with the rest.
 */
export function furtherProblems(filled: NodeJS.ProcessEnv): readonly string[] {
  return [...keyModeProblems(filled), ...anchorProblems(filled), ...productionProblems(filled)];
}

/** Without a secret nobody could tell our anchors from somebody else's; without files nobody could prove anything. */
function anchorProblems(filled: NodeJS.ProcessEnv): readonly string[] {
  const isMissing = (name: string): boolean => filled[name] === undefined;
  const needsSecrets = !isMissing('ANCHOR_WEBHOOK_URL') && isMissing('ANCHOR_WEBHOOK_SECRETS');
  const needsDir =
    (filled['BILLING_ENV'] ?? 'production') === 'production' &&
    ['all', 'worker'].includes(filled['BILLING_ROLE'] ?? 'all') &&
    isMissing('ANCHOR_DIR');
  return [
    ...(needsSecrets ? ['ANCHOR_WEBHOOK_SECRETS (needed with ANCHOR_WEBHOOK_URL) is not set'] : []),
    ...(needsDir ? ['ANCHOR_DIR (needed in production where jobs run) is not set'] : []),
  ];
}

/** Without WeChat Pay's public key nothing that is signed with it could be believed. */
function keyModeProblems(filled: NodeJS.ProcessEnv): readonly string[] {
  const mode = filled['WECHATPAY_KEY_MODE'] ?? 'public-key';
  if (mode === 'certificate') return [];
  const missing = ['WECHATPAY_PUBLIC_KEY_ID', 'WECHATPAY_PUBLIC_KEY'].filter((name) => filled[name] === undefined);
  return missing.map((name) => `${name} (needed in ${mode} mode) is not set`);
}

/** What production alone refuses. */
function productionProblems(filled: NodeJS.ProcessEnv): readonly string[] {
  if ((filled['BILLING_ENV'] ?? 'production') !== 'production') return [];
  const isPlainHttp = (name: string): boolean => /^\s*http:/i.test(filled[name] ?? '');
  const addresses = ['WECHATPAY_BASE_URL', 'WECHATPAY_BACKUP_BASE_URL', 'WECHATPAY_NOTIFY_URL', 'ANCHOR_WEBHOOK_URL'];
  const plain = addresses.filter(isPlainHttp);
  const problems = plain.map((name) => `${name} must be https in production`);
  if (/"url"\s*:\s*"\s*http:/i.test(filled['EVENT_SINKS'] ?? '')) {
    problems.push('EVENT_SINKS must name https addresses in production');
  }
  // WeChat Pay refuses it, and for good every order that names it.
  if (/[?#@]/.test(filled['WECHATPAY_NOTIFY_URL'] ?? '')) {
    problems.push('WECHATPAY_NOTIFY_URL must have no query, fragment or credentials in production');
  }
  return filled['DEV_CLOCK_FILE'] === undefined
    ? problems
    : [...problems, 'DEV_CLOCK_FILE is for the local stack only'];
}
