/** `npm run docs:policy [-- --check]`: writes docs/billing-policy.zh.md from the running rules, or fails when it is not what they say. */
import { readIfThere, writeAtomic } from './lib/files.mjs';
import { inRoot } from './lib/paths.mjs';
import { readFacts } from './lib/policy/facts.mjs';
import { policyText } from './lib/policy/text.mjs';
import { Failure, runMain, say } from './lib/terminal.mjs';

const FILE = inRoot('docs', 'billing-policy.zh.md');

await runMain(async ([mode]) => {
  const text = policyText(readFacts());
  if (mode === '--check') {
    if (readIfThere(FILE) === text) return say('docs/billing-policy.zh.md is what the rules say.');
    throw new Failure(
      'docs/billing-policy.zh.md is not what the rules say. Run `npm run docs:policy` and read the difference.',
    );
  }
  writeAtomic(FILE, text);
  say('Wrote docs/billing-policy.zh.md.');
});
