/** MariaDB, Redis, certificates and the local WeChat Pay's material: everything a stack has besides our own programs. */
import { chooseAccount } from './account.mjs';
import { startMariadb, stopMariadb } from './mariadb.mjs';
import { startRedis, stopRedis } from './redis.mjs';
import { settleTls } from './tls.mjs';
import { settleWechatpayMaterial } from './wechatpay-material.mjs';

/** Makes sure all of it is there and running. */
export async function startInfrastructure(stack) {
  const account = chooseAccount(stack.directory);
  const [mariadb, redisPid] = await Promise.all([
    startMariadb(stack, account),
    startRedis(stack, account),
    settleTls(stack.within('tls')),
    settleWechatpayMaterial(stack.within('wechatpay')),
  ]);
  return { mariadb, redisPid };
}

/** Stops the servers; harmless when nothing runs. */
export async function stopInfrastructure(stack) {
  await Promise.all([stopMariadb(stack), stopRedis(stack)]);
}
