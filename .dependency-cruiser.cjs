/** Import rules (docs/architecture.md): platform knows no domain; a domain sees itself, platform and what is below it. */
const DOMAINS = [
  'event',
  'alert',
  'job',
  'catalog',
  'quota',
  'membership',
  'promotion',
  'payment',
  'order',
  'refund',
  'gift',
  'privacy',
  'backup',
  'audit',
];

/** What each domain may import, beside itself and platform: only the index of the domains below it. */
const BELOW = {
  event: [],
  alert: [],
  job: ['alert'],
  catalog: ['quota'],
  quota: [],
  payment: ['alert'],
  membership: ['catalog', 'quota'],
  promotion: ['catalog', 'quota', 'membership'],
  order: ['alert', 'catalog', 'quota', 'membership', 'promotion', 'payment'],
  gift: ['quota'],
  privacy: ['alert', 'quota', 'membership', 'payment', 'order'],
  backup: [],
  audit: ['event', 'alert', 'job', 'catalog', 'quota', 'payment', 'membership', 'promotion', 'order', 'gift', 'refund'],
  refund: ['alert', 'catalog', 'quota', 'membership', 'promotion', 'payment', 'order'],
};

const domainRules = DOMAINS.flatMap((domain) => {
  const others = DOMAINS.filter((other) => other !== domain);
  const allowed = BELOW[domain];
  const forbidden = others.filter((other) => !allowed.includes(other));
  return [
    ...(forbidden.length === 0
      ? []
      : [
          {
            name: `${domain}-sees-only-what-is-below`,
            severity: 'error',
            from: { path: `^src/${domain}/` },
            to: { path: `^src/(${forbidden.join('|')})/` },
          },
        ]),
    {
      name: `${domain}-is-imported-by-its-index`,
      severity: 'error',
      from: { path: '^(src|simulator|migrations)/', pathNot: `^src/${domain}/` },
      to: { path: `^src/${domain}/`, pathNot: `^src/${domain}/index\\.ts$` },
    },
  ];
});

module.exports = {
  forbidden: [
    ...domainRules,
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'platform-knows-no-domain',
      severity: 'error',
      from: { path: '^src/platform/' },
      to: { path: '^src/(?!platform/|gen/google/|gen/grpc/|gen/descriptor-set)' },
    },
    {
      name: 'only-the-root-sees-all',
      comment: 'Nothing imports the composition root or the entry points.',
      severity: 'error',
      from: { path: '^src/(?!main\\.ts|service\\.ts|composition/)' },
      to: { path: '^src/((main|service)\\.ts$|composition/)' },
    },
    {
      name: 'wire-types-stay-at-the-edge',
      comment: 'Generated messages are for *.rpc.ts, the access matrix, the command line and platform/rpc.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(gen/|cli/|platform/rpc/|access-matrix\\.ts|[a-z/]+/[a-z-]+\\.rpc\\.ts)' },
      // The invariants are statements of docs/invariants.md, and no wire types.
      to: { path: '^src/gen/(?!invariants\\.ts$)' },
    },
    {
      name: 'grpc-only-at-the-edge',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(gen/|cli/|platform/rpc/)' },
      to: { path: 'node_modules/@grpc/' },
    },
    {
      name: 'express-only-in-platform-http',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/platform/http/' },
      to: { path: 'node_modules/express/' },
    },
    {
      name: 'pure-files-do-no-io',
      comment: 'Arithmetic and decisions are tested without a database.',
      severity: 'error',
      from: {
        path: '^src/(event/(envelope|event-catalog|sink/templates)|quota/(ledger|book|burn-order|account|log-chain)|membership/period|order/order-state|payment/refund-state|refund/(refund-policy|refund-pace|told-refund)|gift/(campaign-state|campaign-fields|campaign-terms|judge-gift)|promotion/(discount|coupon-state|promotion-state|promotion-fields|promotion-terms|second-person|claims)|platform/(money|time|second-person))\\.ts$',
      },
      to: { path: '(node_modules/(knex|objection|mysql2|ioredis|undici)/|^src/platform/(db|rpc|http|redis|clock))' },
    },
    {
      name: 'simulator-stands-alone',
      comment: 'The local WeChat Pay must not share code with the client it tests.',
      severity: 'error',
      from: { path: '^simulator/wechatpay/' },
      to: { path: '^src/(?!platform/clock\\.ts)' },
    },
    {
      name: 'the-oracle-stands-alone',
      comment: 'The oracle of the simulation, and what it draws, share nothing with the service that they judge.',
      severity: 'error',
      from: { path: '^test/simulation/(civil|oracle|oracle-account|random|script|catalogue|draw-year)\\.ts$' },
      to: { path: '^(src|migrations|simulator|bench)/' },
    },
    {
      name: 'the-service-never-imports-tests-or-the-simulator',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(simulator|test|bench|scripts)/' },
    },
    {
      name: 'migrations-stand-alone',
      severity: 'error',
      from: { path: '^migrations/' },
      to: { path: '^(src|simulator|test)/' },
    },
    {
      name: 'no-undeclared-packages',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'unknown'] },
    },
    {
      name: 'no-dev-packages-in-production',
      severity: 'error',
      from: { path: '^(src|migrations)/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: 'node_modules/@types/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['require', 'node', 'import', 'default'] },
  },
};
