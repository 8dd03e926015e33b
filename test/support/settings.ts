/** The settings without a default, with values that pass validation and work nowhere. */
export function requiredSettings(): Record<string, string> {
  const pem = (label: string): string => `-----BEGIN ${label}-----\nnone\n-----END ${label}-----`;
  return {
    GRPC_PORT: '0',
    EDGE_PORT: '0',
    INTERNAL_PORT: '0',
    TLS_CA: pem('CERTIFICATE'),
    TLS_CERT: pem('CERTIFICATE'),
    TLS_KEY: pem('PRIVATE KEY'),
    DATABASE_URL: 'mysql://user:password@127.0.0.1:1/none',
    REDIS_URL: 'redis://127.0.0.1:1',
    DATA_KEYS: `k1:${Buffer.alloc(32).toString('base64')}`,
    IDENTITY_INDEX_KEY: Buffer.alloc(32).toString('base64'),
    AUDIT_SIGNING_KEY: pem('PRIVATE KEY'),
    ANCHOR_DIR: '/nowhere/anchors',
    WECHATPAY_BASE_URL: 'https://wechatpay.invalid',
    WECHATPAY_MCHID: '1900000001',
    WECHATPAY_APPID: 'wx0123456789abcdef',
    WECHATPAY_APIV3_KEY: '0'.repeat(32),
    WECHATPAY_MERCHANT_SERIAL: 'A'.repeat(40),
    WECHATPAY_MERCHANT_KEY: pem('PRIVATE KEY'),
    WECHATPAY_PUBLIC_KEY_ID: 'PUB_KEY_ID_0',
    WECHATPAY_PUBLIC_KEY: pem('PUBLIC KEY'),
    WECHATPAY_NOTIFY_URL: 'https://billing.invalid/wechatpay/notify/transaction',
  };
}
