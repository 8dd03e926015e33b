import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { Unexpected } from './unexpected';

/** Where the local stack is, as `npm run up` writes it to `.local/endpoints.json`. Certificates are absolute paths here. */

/** Who this demo acts as. */
export type Identity = 'ai-task-service' | 'order-service' | 'operations' | 'operations-2' | 'finance';

const pair = z.object({ cert: z.string(), key: z.string() });
const schema = z.object({
  grpc: z.string(),
  wechatpay: z.url(),
  databaseUrl: z.url(),
  redisUrl: z.url(),
  tls: z.object({
    ca: z.string(),
    identities: z.object({
      'ai-task-service': pair,
      'order-service': pair,
      operations: pair,
      'operations-2': pair,
      finance: pair,
    }),
  }),
});

export type Endpoints = Readonly<z.infer<typeof schema>>;

/** Reads the file. Certificate paths in it are relative to the directory above the file's own: the root of the clone. */
export function readEndpoints(path: string): Endpoints {
  if (!existsSync(path)) throw new Unexpected(`No local stack at ${path}: run \`npm run up\`, or \`npm run demo\`.`);
  const read = schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  const root = dirname(dirname(resolve(path)));
  const absolute = ({ cert, key }: z.infer<typeof pair>) => ({ cert: resolve(root, cert), key: resolve(root, key) });
  const { ca, identities } = read.tls;
  return {
    ...read,
    tls: {
      ca: resolve(root, ca),
      identities: {
        'ai-task-service': absolute(identities['ai-task-service']),
        'order-service': absolute(identities['order-service']),
        operations: absolute(identities.operations),
        'operations-2': absolute(identities['operations-2']),
        finance: absolute(identities.finance),
      },
    },
  };
}
