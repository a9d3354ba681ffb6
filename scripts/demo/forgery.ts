// What an operator who holds every key could do: rewrite a batch, recompute everything behind it, and sign it all again.
// The demo forges a copy of its own record to show which check notices.
import fs from 'node:fs'
import path from 'node:path'
import { decode, encode } from '../../evidence/session/cbor.ts'
import { commitToLog, createRepository } from '../../evidence/repository/commit.ts'
import { durableDisk } from '../../evidence/repository/durable-fs.ts'
import { LogReader } from '../../evidence/repository/read.ts'
import { loadSigner } from '../../evidence/seal/signer.ts'
import { CompactTree } from '../../evidence/tlog/compact.ts'
import { leafHash } from '../../evidence/tlog/hash.ts'

const timeMember = 5
const previousMember = 6

/** Copies `evidence` to `forged` and moves batch `index` by one second, with every later hash, checkpoint and signature made to fit. */
export async function forgeHistory(evidence: string, sealer: string, node: string, forged: string, index: number): Promise<void> {
  fs.cpSync(path.join(evidence, 'store'), path.join(forged, 'store'), { recursive: true })
  const signer = loadSigner(sealer, node, durableDisk)
  const original = new LogReader(evidence)
  const head = await original.head()
  if (head === undefined) throw new Error('there is no record to forge')
  const gitdir = path.join(forged, 'log.git')
  createRepository(gitdir, durableDisk)
  const reader = new LogReader(forged)
  const tree = new CompactTree()
  let previous: Uint8Array = new Uint8Array(32)
  let at = 0
  for await (const bytes of original.leaves(head)) {
    const leaf = decode(bytes) as Map<number, number | string | Uint8Array>
    const time = Number(leaf.get(timeMember)) + (at === index ? 1_000 : 0)
    leaf.set(timeMember, time).set(previousMember, previous)
    const rewritten = encode(leaf)
    previous = leafHash(rewritten)
    tree.append(previous)
    await commitToLog(gitdir, durableDisk, reader, await reader.head(), {
      index: at, leaf: rewritten, checkpoint: signer.signCheckpoint(at + 1, tree.root()), subject: `batch ${String(leaf.get(3))}/${String(leaf.get(4))}`, time, identity: signer.identity,
      founding: at === 0 ? await foundingFiles(original, head.tree) : new Map(), sign: (commit) => signer.signCommit(commit),
    })
    at++
  }
}

async function foundingFiles(log: LogReader, tree: string): Promise<Map<string, string>> {
  const names = ['README.md', 'keys/log.vkey', 'keys/allowed_signers']
  return new Map(await Promise.all(names.map(async (name) => [name, Buffer.from(await log.file(tree, name)).toString()] as const)))
}
