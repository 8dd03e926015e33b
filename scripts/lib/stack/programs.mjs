/** What our programs of the local stack are told: the service's configuration and the simulator's. */
import { readIfThere, readJsonIfThere } from '../files.mjs';
import { inRoot } from '../paths.mjs';
import { APP_USER, REPORT_USER, databaseUrl } from './database-accounts.mjs';
import { redisUrl } from './redis.mjs';
import { usersSettings } from './users-settings.mjs';

function withFiles(program) {
  const names = Object.keys(program.environment).filter((name) => name.endsWith('_FILE') && name !== 'DEV_CLOCK_FILE');
  return { ...program, fileContents: names.map((name) => readIfThere(program.environment[name])) };
}

const SIMULATOR = {
  name: 'wechatpay',
  title: 'local WeChat Pay',
  script: inRoot('dist', 'simulator', 'wechatpay', 'main.js'),
};
const SERVICE = { name: 'service', title: 'service', script: inRoot('dist', 'src', 'main.js') };

/** Enough of the programs to find and stop them. */
export const PROGRAMS = Object.freeze([SERVICE, SIMULATOR]);

/** The local WeChat Pay. */
export function simulatorProgram(stack) {
  const port = String(stack.state.ports.wechatpay);
  return withFiles({
    ...SIMULATOR,
    healthUrl: `http://127.0.0.1:${port}/_control/health`,
    environment: {
      SIMULATOR_PORT: port,
      SIMULATOR_MATERIAL_DIR: stack.within('wechatpay'),
      SIMULATOR_STATE_DIR: stack.within('wechatpay-state'),
      DEV_CLOCK_FILE: stack.within('clock.json'),
    },
  });
}

function wechatpaySettings(stack) {
  const { ports } = stack.state;
  const merchant = readJsonIfThere(stack.within('wechatpay', 'config.json'));
  return {
    WECHATPAY_BASE_URL: `http://127.0.0.1:${ports.wechatpay}`,
    WECHATPAY_NOTIFY_URL: `http://127.0.0.1:${ports.edge}/wechatpay/notify/transaction`,
    WECHATPAY_MCHID: merchant.mchid,
    WECHATPAY_APPID: merchant.appid,
    WECHATPAY_APIV3_KEY_FILE: stack.within('wechatpay', 'apiv3.key'),
    WECHATPAY_MERCHANT_SERIAL: merchant.merchantSerial,
    WECHATPAY_MERCHANT_KEY_FILE: stack.within('wechatpay', 'merchant.key'),
    WECHATPAY_MERCHANT_CERT_FILE: stack.within('wechatpay', 'merchant.crt'),
    WECHATPAY_PUBLIC_KEY_ID: merchant.publicKeyId,
    WECHATPAY_PUBLIC_KEY_FILE: stack.within('wechatpay', 'public.pem'),
  };
}

/** What the stack itself decides about the service. */
function stackSettings(stack) {
  const { ports } = stack.state;
  return {
    BILLING_ENV: 'development',
    GRPC_HOST: '127.0.0.1',
    GRPC_PORT: String(ports.grpc),
    EDGE_HOST: '127.0.0.1',
    EDGE_PORT: String(ports.edge),
    INTERNAL_HOST: '127.0.0.1',
    INTERNAL_PORT: String(ports.internal),
    TLS_CA_FILE: stack.within('tls', 'ca.crt'),
    TLS_CERT_FILE: stack.within('tls', 'server.crt'),
    TLS_KEY_FILE: stack.within('tls', 'server.key'),
    DATABASE_URL: databaseUrl(stack, APP_USER, stack.secrets.databaseApp),
    REDIS_URL: redisUrl(stack),
    DATA_KEYS_FILE: stack.within('data-keys'),
    IDENTITY_INDEX_KEY_FILE: stack.within('identity-index-key'),
    AUDIT_SIGNING_KEY_FILE: stack.within('audit-signing.key'),
    ANCHOR_DIR: stack.within('anchors'),
    BACKUP_DIR: stack.within('backup'),
    REVIEW_DATABASE_URL: databaseUrl(stack, REPORT_USER, stack.secrets.databaseReport),
    DEV_CLOCK_FILE: stack.within('clock.json'),
    ...wechatpaySettings(stack),
  };
}

/** What a stack that one person tries things on all day needs otherwise than production; whoever starts it may change it. */
const LOCAL_DEFAULTS = { REFUNDS_ALONE_PER_DAY_FEN: '999999999' };

/** The billing service; the rest of its settings may come from the environment of whoever starts the stack. */
export function serviceProgram(stack) {
  const own = stackSettings(stack);
  return withFiles({
    ...SERVICE,
    healthUrl: `http://127.0.0.1:${stack.state.ports.internal}/readyz`,
    environment: { ...LOCAL_DEFAULTS, ...own, ...usersSettings(own) },
  });
}
