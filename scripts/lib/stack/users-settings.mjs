/** Settings of the service that come from the environment of whoever runs the launcher: `ORDER_EXPIRE_MINUTES=1 npm run up`. */
import { createRequire } from 'node:module';
import path from 'node:path';
import { inRoot } from '../paths.mjs';

/** Every setting the service knows, as the compiled service says: there is no second list. */
function settingNames() {
  return createRequire(import.meta.url)(inRoot('dist', 'src', 'platform', 'config.js')).SETTING_NAMES;
}

/**
 * The settings among the environment, as NAME or NAME_FILE, but for those that the stack decides itself. Paths become
 * absolute: the service may run in another directory.
 */
export function usersSettings(own, environment = process.env) {
  const isFree = (name) => own[name] === undefined && own[`${name}_FILE`] === undefined;
  const values = settingNames()
    .filter(isFree)
    .flatMap((name) => [
      [name, environment[name]],
      [`${name}_FILE`, environment[`${name}_FILE`] && path.resolve(environment[`${name}_FILE`])],
    ]);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}
