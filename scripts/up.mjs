/** `npm run up`: prepares the clone, starts the local stack and the service, returns when all of it is healthy. */
import { prepareAll } from './lib/prepare.mjs';
import { endpointsPath, up } from './lib/stack/local-stack.mjs';
import { runMain, say, sayTable } from './lib/terminal.mjs';

await runMain(async () => {
  await prepareAll();
  const endpoints = await up();
  say('The local stack is up:');
  sayTable([
    ['gRPC (mutual TLS)', endpoints.grpc],
    ['WeChat Pay callbacks', endpoints.edge],
    ['metrics and probes', endpoints.metrics],
    ['local WeChat Pay', endpoints.wechatpay],
    ['its cashier page', `${endpoints.wechatpay}/cashier`],
    ['everything else', endpointsPath()],
  ]);
});
