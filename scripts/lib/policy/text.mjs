/** docs/billing-policy.zh.md: the owner's seven headings, each answered from the running rules. Pure: facts in, text out. */

const yuan = (fen) => `¥${Math.floor(fen / 100)}${fen % 100 === 0 ? '' : `.${String(fen % 100).padStart(2, '0')}`}`;
const code = (text) => `\`${text}\``;
const PERIODS = { day: '天', month: '个月', quarter: '个季度', year: '年' };

function table(headings, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n');
}

/** A rule that a setting decides: what it is, its default, its name. */
const rule = (facts) => (name, what, show) => [what, show(Number(facts.setting(name))), code(name)];

function planTable({ plans }) {
  const row = ({ name, kind, price, units, unit, count, features, taxBasisPoints }) => [
    name,
    kind === 'basic' ? '注册即有' : `${yuan(price)} / ${count} ${PERIODS[unit]}`,
    kind === 'basic' ? '—' : String(units),
    features.map(code).join(' '),
    `${taxBasisPoints / 100}%`,
  ];
  return table(['套餐', '价格', '每期配额', '功能', '税率'], plans.map(row));
}

function policy(facts) {
  const { error, alert, setting } = facts;
  const of = rule(facts);
  const monthly = facts.plan('monthly');
  return `## 1 计费策略分析和风险评估

**策略**：按会员周期收费，周期内发放配额，每个 AI 任务扣减一个或多个单位。价格、配额、功能都是数据（套餐与价格版本），不写在代码里；
价格版本只会结束、不会被改写，订单复制它所卖的全部条款，改价不影响已付款的人。新库的初始套餐：

${planTable(facts)}

${monthly.name}每单位折合 ${yuan(Math.floor(monthly.price / monthly.units))}（向下取整到分）。配额不是钱：没有单价、不可提现，退款金额也不按它计算。
任务类型可以登记资费（每次多少单位、需要哪个功能）；未登记的任务类型按请求中的单位数扣减。资费至少提前 ${facts.constant('src/catalog/tariffs.ts', 'TARIFF_LEAD_MS') / 1_000} 秒公布。

${table(
  ['风险', '怎样控制', '被拒绝时的原因'],
  [
    [
      '配额超用',
      '用户行锁内判断并扣减，数据库 CHECK 保证余额不为负；一次扣减要么全部成功，要么一个单位都不扣',
      code(error('QUOTA_INSUFFICIENT')),
    ],
    [
      '重复扣减、重复发放',
      '每个请求带 request_id，同号同内容只生效一次，同号异内容被拒绝',
      code(error('REQUEST_ID_REUSED')),
    ],
    [
      '恶意刷单（注册）',
      `每个用户、每个身份一生只送一次；每个调用方每个营业日最多 ${setting('REGISTRATION_GRANTS_PER_DAY_MAX')} 次赠送`,
      code(error('RATE_LIMITED')),
    ],
    [
      '恶意刷单（优惠券）',
      '每人每活动一张（唯一键），库存与预算在活动行锁内扣减',
      `${code(error('COUPON_ALREADY_CLAIMED'))} ${code(error('PROMOTION_SOLD_OUT'))}`,
    ],
    [
      '占用优惠券不付款',
      `每人最多 ${setting('OPEN_ORDERS_MAX')} 笔待付款订单，${setting('ORDER_EXPIRE_MINUTES')} 分钟不付即关闭`,
      code(error('TOO_MANY_OPEN_ORDERS')),
    ],
    ['支付失败、回调丢失', '主动查询、关单前再查、账后通知可重放；钱不会悬而不决', '—'],
    ['伪造支付', '签名、时效、商户号、金额、币种全部核对，不符即拒绝并告警', `告警 ${code(alert('payment_mismatch'))}`],
    [
      '内部人员舞弊',
      '数据库账号最小权限、历史只增不改、两人同意、审计链与外部锚点',
      code(error('SECOND_PERSON_REQUIRED')),
    ],
  ],
)}

谁可能作弊、怎样拦住、哪个测试证明：[security.md](security.md)。

## 2 会员管理和配额发放

配额只有四种来源，没有“随意发放”的接口：

${table(
  ['来源', '数量', '有效期', '每次的唯一性'],
  [
    [
      '新用户注册',
      `${setting('REGISTRATION_GRANT_UNITS')} 单位`,
      `${setting('REGISTRATION_GRANT_DAYS')} 天`,
      '每个用户、每个身份一次',
    ],
    [
      '购买会员',
      `按订单所购版本（${monthly.name} ${monthly.units} 单位）`,
      '到该发放区间结束',
      '每个周期的每个区间一次；没有已付款订单，数据库拒绝发放',
    ],
    ['活动赠送', '按活动，受两人批准的预算限制', '按活动', '每个用户每个活动一次'],
    ['补偿', '退回到已过期批次的单位', `${setting('COMPENSATION_GRACE_DAYS')} 天`, '期限由第一次退回确定，再退不延长'],
  ],
)}

- 使用次序：先到期的先用；同时到期的，免费的先用；再同则先发的先用。到期精确到毫秒，过期单位不会被使用。
- 会员月保持起始日（1 月 31 日起的会员，2 月到 28 或 29 日，3 月到 31 日）；续费紧接在现有周期之后，不重叠。
- 按年购买、按月发放的套餐每月发一份；错过的补发，到期日与按时发放相同。
- 到期提醒：到期日前 ${setting('MEMBERSHIP_REMINDER_DAYS').replaceAll(',', '、')} 天的 ${facts.constant('src/membership/milestones.ts', 'REMINDER_HOUR')}:00（北京时间）各一次（${code('MEMBERSHIP_REMINDER_DAYS')}）；到期后功能保留 ${setting('MEMBERSHIP_GRACE_DAYS')} 天（${code('MEMBERSHIP_GRACE_DAYS')}）。
- 权益判断：CheckEntitlement 回答某用户此刻能否使用某功能；扣减时在同一事务内再判断一次（${code(error('FEATURE_NOT_ENTITLED'))}）。

## 3 配额扣减和返还机制

${table(
  ['操作', '对余额', '说明'],
  [
    ['ConsumeQuota 扣减', '−n', '任务创建时扣减'],
    ['HoldQuota 预占', '−n', '任务创建时预占，完成时结算'],
    ['CaptureQuota 结算', '+(n−c)', '实际用 c，其余返还'],
    ['ReleaseQuota 释放', '+n', '预占全部返还'],
    ['RefundQuota 返还', '+n', '累计返还不超过所扣'],
    ['ReportTaskOutcome 上报', '失败则全额返还', '成功则结清；先到者为准'],
  ],
)}

- 每次变动在一个数据库事务内完成：行锁（SELECT … FOR UPDATE）、余额、批次、流水一起提交；Redis 锁只是第二层，失效时不影响正确性。
- 返还回到原来的批次，最后用的先还；批次已过期则以补偿重发，已因退款作废则当即作废。
- **不会忘记返还**：带任务的扣减与预占若无人结算，${setting('SETTLE_AFTER_MINUTES')} 分钟后由系统向任务服务查询，失败即全额返还；再过 ${setting('SETTLE_CASE_AFTER_MINUTES')} 分钟仍无人知晓的，建立工单交人处理。期限随扣减一起保存，改设置不追溯。
- 恒等式：发放 = 剩余 + 预占 + 已用 + 过期 + 作废，任何时刻只凭流水即可重算（${code('billing ledger verify')}）。
- 时限：

${table(
  ['时限', '数值', '设置'],
  [
    of('LOCK_WAIT_TIMEOUT_MS', '等待行锁', (ms) => `${ms / 1_000} 秒`),
    of('STATEMENT_TIMEOUT_MS', '单条语句', (ms) => `${ms / 1_000} 秒`),
    of('TRANSACTION_TIMEOUT_MS', '单个事务', (ms) => `${ms / 1_000} 秒`),
    of('TRANSACTION_ATTEMPTS', '事务重试', (times) => `共 ${times} 次`),
    of('RPC_DEADLINE_DEFAULT_MS', '调用默认时限', (ms) => `${ms / 1_000} 秒`),
    of('REDIS_TIMEOUT_MS', '单条 Redis 命令', (ms) => `${ms} 毫秒`),
  ],
)}

## 4 支付集成和订单管理

- 收款：微信支付 API v3（Native、JSAPI、H5、APP）。所有折扣由服务端计算，请求只带优惠券号；微信订单金额即应付金额 final_amount。
- 固定金额：减免 = 面额；百分比：减免 = ⌊应收 × 百分比 ÷ 100⌋，不超过上限与应收；应付 = 应收 − 减免 ≥ 0。
- 订单状态：created → pending → paid → refunded；不付款则 closing → closed；被微信永久拒绝则 failed。订单 ${setting('ORDER_EXPIRE_MINUTES')} 分钟内有效，关单先通知微信，确认未付才释放优惠券。
- 优惠券状态：unused → locked（下单）→ used（付款）；关单或失败则 locked → unused。下单时绝不会标为已用。
- 回调：先验签再解析；时间戳偏差不超过 ${setting('NOTIFICATION_AGE_MAX_SECONDS')} 秒；同一笔重复通知不会重复入账；金额、商户号、应用号、币种不符即拒绝（409）并告警 ${code(alert('payment_mismatch'))}。
- 回调丢失：约 ${facts.constant('src/order/check-times.ts', 'OPEN_FIRST_MS') / 60_000} 分钟起主动查询，间隔渐长，至多 ${facts.constant('src/order/check-times.ts', 'PAUSE_MAX_MS') / 60_000} 分钟一次，直到订单有结果。
- 多付、迟付、付错：自动原路退回并告警（${code(alert('payment_not_awaited'))}），钱不留存。

**退款**：全额退款收回全部未用单位，会员立即终止；部分退款按 ⌊未用 × 退款额 ÷ 实付⌋ 收回（向下取整，有利于用户），会员按比例提前结束；已用的不追回。
单位在申请时冻结，退款成功时作废，被微信关闭时解冻。

${table(
  ['退款规则', '数值', '出处'],
  [
    of('REFUND_SECOND_PERSON_FEN', '单个订单未经他人批准的退款累计超过此数，须另一人批准', yuan),
    of('REFUNDS_ALONE_PER_DAY_FEN', '一人一个营业日独自退款的上限，超过须另一人批准', yuan),
    [
      '退款申请无人批准的有效期',
      `${facts.constant('src/refund/refund-alone.ts', 'APPROVE_DAYS')} 天`,
      code('src/refund/refund-alone.ts'),
    ],
    ['一个订单的退款次数上限', `${facts.constant('src/refund/refund-policy.ts', 'REFUNDS_MAX')} 次`, '微信支付'],
    ['付款后可退的天数', `${facts.constant('src/refund/refund-policy.ts', 'REFUNDABLE_DAYS')} 天`, '微信支付'],
    of('PROMOTION_COST_LIMIT', '活动最多花费超过此数，须另一人批准上线', yuan),
  ],
)}

## 5 成本监控和预警机制

**现在有的**：

- 用量：GetUsage 按天、任务类型、来源汇总一个用户的消耗与返还；${code('billing_quota_taken_total')} 指标实时反映扣减。
- 余额低于 ${setting('QUOTA_LOW_UNITS')} 单位时发出 ${code('quota.low')} 事件（${code('QUOTA_LOW_UNITS')}）；功能可设周期内上限。
- 活动成本：预算是全部优惠券合计减免的上限，在活动行锁内扣减，不可能超支；赠送活动的预算由数据库 CHECK 保证。
- 调用频率：每个服务每秒 ${setting('RPCS_PER_SECOND_PER_CALLER')} 次、每个人每秒 ${setting('RPCS_PER_SECOND_PER_PERSON')} 次；领券每用户每分钟 ${setting('CLAIMS_PER_MINUTE_PER_USER')} 次。
- 可疑领券用户：ListSuspiciousClaimers 与 ${code('billing promotion suspects')}。
- 告警：共 ${facts.counts.alerts} 种，同一事由只开一条，处理后关闭；见告警表、错误日志与指标 ${code('billing_alerts_open')}（[alerts.md](alerts.md)）。
- 事件可投递到 Webhook、企业微信、邮件或日志，至少一次、按用户有序（[events.md](events.md)）。

**还没有的**：第三方（腾讯云、RunningHub）成本单价与每任务成本、用户与套餐毛利、消耗异常检测、成本预算告警。它们属于下一步（成本域），
在此之前不要把配额单位当成成本来核算。

## 6 财务对账和报表生成

**现在有的**：

- 金额一律以分为单位的整数计算与存储，税额随订单保存：净额 + 税额 = 应付金额（初始税率 ${monthly.taxBasisPoints / 100}%）。
- 营业日按北京时间切分；订单的 ${code('paid_time')} 取微信支付成功时间，决定它属于哪一天、与哪份账单核对。
- 活动统计：领取数、核销数、GMV（已付款订单的应付金额之和），GetPromotionStats；与明细逐条核对（${code('billing promotion check')}）。
- 一致性：${facts.counts.invariants} 条不变式写成 SQL（[invariants.md](invariants.md)），测试逐条证明它们查得出问题，审查在真实数据上执行其中适用的。
- 微信支付账单的下载与解析已具备；发票号随订单登记，已开票订单退款会告警（${code(alert('invoice_of_refunded_order'))}）。

**还没有的**：收入与毛利的日报、月报、年报，与微信支付及第三方账单的自动逐笔对账。它们属于下一步（报表域与对账域）。

## 7 审计追踪和合规检查

- 配额：每次变动一行流水，带操作人、任务、批次与余额，每个用户一条哈希链；只增不改，应用账号没有改写和删除的权限。
- 其余变动：审计日志记录操作人、角色、请求、变动前后与原因，几秒内编入哈希链（${code(facts.job('seal-audit-log').name)}）；人员查看用户、订单的记录同样留痕。
- 锚点：${code(facts.job('make-anchor').name)} 每小时为所有账本的位置签名，交到数据库之外保存（文件，可另加 Webhook）；${code('billing audit verify --anchor')} 据此证明或推翻数据库（[anchors.md](anchors.md)）。
- 财务审查：${code('billing audit review')} 在真实数据上重算金额、状态、库存、流水与权限，任何一个严重问题即不通过；报告经签名。
- 证据包：${code('billing evidence export order|user|task')} 导出与一个订单、用户或任务有关的全部记录，可离线核验（[evidence.md](evidence.md)）。
- 权限：角色 ${facts.roles.map(code).join('、')}，默认拒绝，名单见 [architecture.md](architecture.md#who-may-call)；超过限额的人工退款与活动上线、每个赠送活动、删除个人信息都要两个人。
- 个人信息：付款人标识、回调原文加密存放（AES-256-GCM，密钥可在线轮换），可应本人要求删除而不破坏任何账本。
- 备份：全量加密备份加持续的二进制日志，可恢复到任意时刻；演练一条命令完成并自动复核（[backup.md](backup.md)）。
- 后台任务共 ${facts.counts.jobs} 个（[jobs.md](jobs.md)）；错误码共 ${facts.counts.errors} 个，各有处理办法（[errors.md](errors.md)）。
`;
}

/** The whole document. */
export function policyText(facts) {
  return `# 计费策略

本页由 \`npm run docs:policy\` 从正在运行的规则生成，请勿手工修改：数字取自设置的默认值、初始套餐，以及与代码逐项比对过的文档表格。
生产环境改过的设置、之后新增的套餐和资费，以 \`billing catalog\` 与部署配置为准。

${policy(facts)}`;
}
