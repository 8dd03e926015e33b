import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { base64Key, dataKeySecrets, pemLines, type Secret } from './leaks';

/** Keys and passwords of a local stack, as the launcher keeps them below `.local`. */

/** Where files of keys are, one below the other. */
const KEY_DIRECTORIES = ['.', 'tls', 'wechatpay'];

/** Keys in files: PEM, and what is one line of letters. */
function fileSecrets(local: string): Secret[] {
  return KEY_DIRECTORIES.flatMap((directory) => {
    const names = readdirSync(join(local, directory)).filter((name) => name.endsWith('.key'));
    return names.flatMap((name) => pemLines(name, readFileSync(join(local, directory, name), 'utf8')));
  });
}

/** The ring of data keys in the stack's directory. */
export function readDataKeys(local: string): string {
  return readFileSync(join(local, 'data-keys'), 'utf8').trim();
}

/** All of them. */
export function stackSecrets(local: string): Secret[] {
  const made = z.record(z.string(), z.string()).parse(JSON.parse(readFileSync(join(local, 'secrets.json'), 'utf8')));
  const isPlain = ([name]: [string, string]): boolean => name !== 'dataKeys' && name !== 'auditSigningKey';
  return [
    ...fileSecrets(local),
    ...dataKeySecrets(readDataKeys(local)),
    ...Object.entries(made)
      .filter(isPlain)
      .flatMap(([name, value]) => base64Key(name, value)),
  ];
}
