/** Code generated from proto/: the TypeScript of buf.gen.yaml, and the descriptors that reflection and validation need. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { filesBelow, hashOf, readIfThere, writeAtomic } from '../files.mjs';
import { ROOT, inRoot } from '../paths.mjs';
import { run } from '../processes.mjs';
import { step } from '../terminal.mjs';

const TARGET = inRoot('src', 'gen');
const STAMP = path.join(TARGET, '.stamp');
const INPUTS = ['proto', 'buf.yaml', 'buf.gen.yaml', 'package-lock.json', 'scripts/lib/prepare/generated.mjs'];

async function descriptorModule() {
  const buf = inRoot('node_modules', '.bin', 'buf');
  const set = await run(buf, ['build', '--as-file-descriptor-set', '--exclude-source-info', '-o', '-'], { cwd: ROOT });
  return (
    '// Generated from proto/ by scripts/generate.mjs. Do not edit.\n' +
    '/** A google.protobuf.FileDescriptorSet of every .proto file and its imports, in base64. */\n' +
    `export const DESCRIPTOR_SET_BASE64 =\n  '${set.toString('base64')}';\n`
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
  await step('Generating code from proto/', async () => {
    try {
      mkdirSync(work, { recursive: true });
      await run(inRoot('node_modules', '.bin', 'buf'), ['generate', '-o', work], { cwd: ROOT });
      const draft = path.join(work, 'src', 'gen');
      writeAtomic(path.join(draft, 'descriptor-set.ts'), await descriptorModule());
      synchronise(draft);
      writeAtomic(STAMP, wanted);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  });
}
