import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signAnchor, type AnchorDocument, type SignedAnchor } from '../../src/audit/anchor/anchor-document';
import { leafOf, type Head } from '../../src/audit/anchor/head';
import { MerkleTree } from '../../src/audit/anchor/merkle';
import { createSigner, type Signer } from '../../src/platform/crypto/signing';

/** A signer with a key of its own. */
export function newSigner(): Signer {
  return createSigner(pemOf(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'der' })));
}

/** The signer of a seed of 32 bytes in hex. */
export function signerOfSeed(seed: string): Signer {
  return createSigner(pemOf(Buffer.from(`302e020100300506032b657004220420${seed}`, 'hex')));
}

function pemOf(der: Buffer): string {
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({
    type: 'pkcs8',
    format: 'pem',
  }) as string;
}

/** A directory that is gone after the test. */
export async function scratchDirectory(): Promise<{ readonly dir: string; remove(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'billing-anchors-'));
  return { dir, remove: () => rm(dir, { recursive: true, force: true }) };
}

/** A head whose hash is one byte again and again. */
export function head(userId: string, sequence: number, byte = sequence): Head {
  return { userId, sequence, hash: Buffer.alloc(32, byte) };
}

/** An anchor of heads, in order, signed. */
export function anchorOf(
  signer: Signer,
  heads: readonly Head[],
  fields: Partial<AnchorDocument> & Pick<AnchorDocument, 'number'>,
): SignedAnchor {
  const tree = new MerkleTree();
  for (const one of heads) tree.add(leafOf(one));
  return signAnchor(signer, {
    format: 'billing-guard anchor',
    version: 1,
    time: `2026-01-31T0${fields.number}:05:00.000Z`,
    slot: '2026-01-31T14',
    previous: null,
    users: {
      count: heads.length,
      rows: heads.reduce((sum, { sequence }) => sum + sequence, 0),
      root: tree.root().toString('hex'),
    },
    audit: { position: 0, hash: '0'.repeat(64) },
    tables: {},
    leaves: { kind: 'full', lines: heads.length, sha256: '0'.repeat(64) },
    key_id: signer.keyId,
    ...fields,
  });
}
