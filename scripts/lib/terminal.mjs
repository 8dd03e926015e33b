/** What the launchers say, how they fail and how they end. */

/** A failure whose message is all the reader needs: printed without a stack trace. */
export class Failure extends Error {}

let out = process.stdout;

/** From now on launchers speak on standard error: standard output belongs to the program they run. */
export function leaveStdoutAlone() {
  out = process.stderr;
}

export function say(line) {
  out.write(`${line}\n`);
}

function seconds(startedMs) {
  const elapsed = (performance.now() - startedMs) / 1_000;
  return `${elapsed < 10 ? elapsed.toFixed(1) : Math.round(elapsed)} s`;
}

/** Does a piece of work and prints one line with how long it took; announces it first when it may take long. */
export async function step(label, work, { isLong = false } = {}) {
  const startedMs = performance.now();
  if (isLong) say(`${label} …`);
  try {
    const result = await work();
    say(`${label} … ${seconds(startedMs)}`);
    return result;
  } catch (error) {
    say(`${label} … failed after ${seconds(startedMs)}`);
    throw error;
  }
}

/** Prints rows as two aligned columns. */
export function sayTable(rows) {
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows) say(`  ${name.padEnd(width)}  ${value}`);
}

/**
 * Runs a launcher: its result is the exit code, a failure is printed and exits 1. Output that nobody reads any more
 * (`npm run demo | head`) must not keep the rest, such as stopping the stack, from happening.
 */
export async function runMain(main) {
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
  try {
    if (process.platform !== 'linux') throw new Failure('The local stack runs on Linux; this is not Linux.');
    process.exitCode = (await main(process.argv.slice(2))) ?? 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Failure ? error.message : error.stack}\n`);
    process.exitCode = 1;
  }
}

/**
 * From now on SIGINT, SIGTERM and SIGHUP do not end this process but abort `signal`, so that what was started is
 * stopped again; `release` undoes that. The abort reason is the exit code to use.
 */
export function catchSignals() {
  const controller = new AbortController();
  const handlers = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };
  for (const [name, code] of Object.entries(handlers)) {
    handlers[name] = () => controller.abort(code);
    process.on(name, handlers[name]);
  }
  const release = () => {
    for (const [name, handler] of Object.entries(handlers)) process.off(name, handler);
  };
  return { signal: controller.signal, release };
}
