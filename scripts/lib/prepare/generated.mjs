/**
 * Code generated from proto/: the TypeScript of buf.gen.yaml, and the descriptors that reflection and validation need. And from
 * docs/invariants.md: its statements, which the financial review runs, so that what is documented is what is checked.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { filesBelow, hashOf, readIfThere, writeAtomic } from '../files.mjs';
import { ROOT, inRoot } from '../paths.mjs';
import { run } from '../processes.mjs';
import { step } from '../terminal.mjs';

const TARGET = inRoot('src', 'gen');
const STAMP = path.join(TARGET, '.stamp');
const INVARIANTS_PAGE = 'docs/invariants.md';
const INPUTS = [
  ...['proto', 'buf.yaml', 'buf.gen.yaml', INVARIANTS_PAGE, 'package-lock.json'],
  'scripts/lib/prepare/generated.mjs',
];

async function descriptorModule() {
  const buf = inRoot('node_modules', '.bin', 'buf');
  const set = await run(buf, ['build', '--as-file-descriptor-set', '--exclude-source-info', '-o', '-'], { cwd: ROOT });
  return (
    '// Generated from proto/ by scripts/generate.mjs. Do not edit.\n' +
    '/** A google.protobuf.FileDescriptorSet of every .proto file and its imports, in base64. */\n' +
    `export const DESCRIPTOR_SET_BASE64 =\n  '${set.toString('base64')}';\n`
  );
}

/** Each invariant of the page: its title and the SELECT that finds what breaks it, as they are written there. */
function invariantsModule() {
  const page = readFileSync(inRoot(INVARIANTS_PAGE), 'utf8');
  const sections = [...page.matchAll(/^### (INV-\d+) (.+)\n(?:(?!^###|^## )[^])*?```sql\n([^]*?)```/gm)];
  const entries = sections.map(
    ([, id, title, sql]) =>
      `  ${JSON.stringify(id)}: {\n    title: ${JSON.stringify(title)},\n    sql: ${JSON.stringify(sql.trim())},\n  },\n`,
  );
  return (
    `// Generated from ${INVARIANTS_PAGE} by scripts/generate.mjs. Do not edit.\n` +
    '/** The invariants by number, each with a SELECT that finds no row while it holds. */\n' +
    `export const INVARIANTS = {\n${entries.join('')}} as const;\n`
  );
}

/** Makes the target equal to the draft and writes only what differs, so that nobody ever sees the folder empty. */
function synchronise(draft) {
  const fresh = new Map(filesBelow(draft).map((file) => [path.relative(draft, file), readFileSync(file)]));
  for (const file of filesBelow(TARGET)) {
    if (!fresh.has(path.relative(TARGET, file))) rmSync(file);
  }
  for (const [name, content] of fresh) {
    const file = path.join(TARGET, name);
    if (readIfThere(file) !== content.toString()) writeAtomic(file, content);
  }
}

/** Generates src/gen unless it is what the sources give. */
export async function generateCode() {
  const wanted = hashOf(ROOT, INPUTS);
  if (readIfThere(STAMP) === wanted) return;
  const work = inRoot('node_modules', '.cache', `billing-guard-gen-${process.pid}`);
  await step('Generating code from proto/ and docs/invariants.md', async () => {
    try {
      mkdirSync(work, { recursive: true });
      await run(inRoot('node_modules', '.bin', 'buf'), ['generate', '-o', work], { cwd: ROOT });
      const draft = path.join(work, 'src', 'gen');
      writeAtomic(path.join(draft, 'descriptor-set.ts'), await descriptorModule());
      writeAtomic(path.join(draft, 'invariants.ts'), invariantsModule());
      synchronise(draft);
      writeAtomic(STAMP, wanted);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  });
}
