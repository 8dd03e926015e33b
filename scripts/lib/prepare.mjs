/** Everything between `git clone` and a first start. Each part is skipped when it was done for the same inputs. */
import { withLock } from './lock.mjs';
import { ROOT } from './paths.mjs';
import { build } from './prepare/build.mjs';
import { generateCode } from './prepare/generated.mjs';
import { installPackages } from './prepare/packages.mjs';
import { installPrograms } from './prepare/programs.mjs';

/** npm packages and generated code. */
export function prepareSources() {
  return withLock('preparation', ROOT, async () => {
    await installPackages();
    await generateCode();
  });
}

/** npm packages, generated code and the compiled program. */
export function prepareBuild() {
  return withLock('preparation', ROOT, async () => {
    await installPackages();
    await generateCode();
    await build();
  });
}

/** All of it: the system's programs too. */
export function prepareAll() {
  return withLock('preparation', ROOT, async () => {
    await installPrograms();
    await installPackages();
    await generateCode();
    await build();
  });
}
