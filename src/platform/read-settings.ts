import { readFileSync } from 'node:fs';
import type { z } from 'zod';

/** Configuration that can not be used. `problems` names every one of them; no value is repeated. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`The configuration has ${problems.length} problem(s):\n${problems.map((line) => `  - ${line}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/** Adds NAME for every NAME_FILE that is set and whose NAME is not; problems are collected, not thrown. */
function readFileSettings(env: NodeJS.ProcessEnv, names: readonly string[], problems: string[]): NodeJS.ProcessEnv {
  const filled: NodeJS.ProcessEnv = {};
  for (const name of names) {
    const path = env[`${name}_FILE`];
    if (env[name] !== undefined && path !== undefined) problems.push(`${name} and ${name}_FILE are both set`);
    filled[name] = env[name];
    if (env[name] !== undefined || path === undefined) continue;
    try {
      filled[name] = readFileSync(path, 'utf8').trim();
    } catch (error) {
      problems.push(`${name}_FILE can not be read (${(error as NodeJS.ErrnoException).code})`);
    }
  }
  return filled;
}

/** Parses against a schema of settings, listing every problem at once. */
export function parseSettings<Schema extends z.ZodType>(
  schema: Schema,
  names: readonly string[],
  env: NodeJS.ProcessEnv,
  further: (filled: NodeJS.ProcessEnv) => readonly string[] = () => [],
): z.infer<Schema> {
  const problems: string[] = [];
  const filled = readFileSettings(env, names, problems);
  const unreadable = new Set(problems.map((line) => line.split(/_FILE| /)[0]));
  const parsed = schema.safeParse(filled);
  for (const issue of parsed.error?.issues ?? []) {
    const name = String(issue.path[0] ?? 'settings');
    if (unreadable.has(name)) continue;
    problems.push(`${name} ${filled[name] === undefined ? 'is not set' : issue.message}`);
  }
  problems.push(...further(filled));
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(parsed.data) as z.infer<Schema>;
}
