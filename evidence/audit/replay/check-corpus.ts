// What a corpus's proofs say, checked: each row's leaf is under the checkpoint, names the row's bundle, and commits to the row's decision.
// With real identities it commits to the input as well; without, that the input stands for the leaf is the exporter's word, under his signature.
import { CborError, CborReader } from '../../verify/cbor.ts'
import { parseBatchLeaf } from '../../verify/batch.ts'
import { commitmentOf } from '../../verify/box.ts'
import { FalseClaim } from '../../verify/finding.ts'
import { kind, Leaf } from '../../verify/leaf.ts'
import { decodeBase64, isSignedBy, parseCheckpoint, parseVerifierKey } from '../../verify/note.ts'
import { EvidenceError } from '../../errors.ts'
import { leafHash } from '../../tlog/hash.ts'
import { verifyInclusion } from '../../tlog/inclusion.ts'
import type { Corpus, CorpusRow } from './corpus.ts'

interface Batch { readonly root: Uint8Array; readonly frames: number; /** Places of the leaves that rows were proved by. */ readonly used: Set<number> }

/**
 * Every proof of every row.
 * @param logKey the log's verifier key; without it the checkpoint is the corpus's own word
 * @throws EvidenceError `ERR_EVIDENCE_CORPUS` naming the row
 */
export function checkCorpus(corpus: Corpus, logKey: string | undefined, progress: (done: number) => void = () => undefined): void {
  const checkpoint = checking('the checkpoint', () => {
    const parsed = parseCheckpoint(corpus.header.checkpoint)
    if (parsed.origin !== corpus.header.origin) throw new FalseClaim('checkpoint.origin', 'it is of another log')
    if (logKey !== undefined && !isSignedBy(parsed, [parseVerifierKey(logKey.trim())])) throw new FalseClaim('checkpoint.signature', 'it is not signed by the key of the log')
    return parsed
  })
  const seen = new Set<number>()
  const batches = corpus.batches.map(({ batch, leaf, hashes }, line): Batch => checking(`batch line ${line}`, () => {
    if (seen.has(batch)) throw new FalseClaim('batch.number', 'it is there twice')
    seen.add(batch)
    const bytes = decoded(leaf)
    if (!verifyInclusion(hashes.map(decoded), batch, checkpoint.size, leafHash(bytes), checkpoint.root)) throw new FalseClaim('checkpoint.root', 'its leaf is not under the checkpoint')
    const { root, frames } = parseBatchLeaf(bytes)
    return { root, frames, used: new Set() }
  }))
  const leaf = new Leaf()
  let place = 0
  for (const row of corpus.rows()) {
    checking(`row ${place}`, () => checkRow(row, corpus, batches, leaf))
    progress(++place)
  }
}

function checkRow(row: CorpusRow, corpus: Corpus, batches: readonly Batch[], leaf: Leaf): void {
  const bytes = decoded(row.proof.leaf)
  const batch = batches[row.proof.batch]
  if (batch === undefined || !verifyInclusion(row.proof.hashes.map(decoded), row.proof.index, batch.frames, leafHash(bytes), batch.root)) throw new FalseClaim('leaves.root', 'its leaf is not in its batch')
  if (batch.used.has(row.proof.index)) throw new FalseClaim('leaf.malformed', 'its leaf is another row\'s')
  batch.used.add(row.proof.index)
  const reader = new CborReader(bytes)
  leaf.read(reader)
  if (!reader.isAtEnd) throw new FalseClaim('leaf.malformed', 'something follows its leaf')
  if ((leaf.kind !== kind.intent && leaf.kind !== kind.refusal) || leaf.bundle < 0) throw new FalseClaim('leaf.malformed', 'its leaf is of no decided call')
  if (bytes.toString('hex', leaf.bundle, leaf.bundle + 32) !== corpus.header.bundles[row.bundle]?.digest) throw new FalseClaim('leaf.malformed', 'its leaf names another bundle')
  checkCommitment(bytes, leaf, 8, row.salts.decision, Buffer.from(corpus.decisions[row.decision] ?? ''))
  if (row.salts.request !== undefined) checkCommitment(bytes, leaf, 7, row.salts.request, Buffer.from(JSON.stringify(row.input)))
}

function checkCommitment(bytes: Buffer, leaf: Leaf, label: 7 | 8, salt: string, content: Uint8Array): void {
  const at = leaf.commitments[label - 7] ?? -1
  const recorded = at < 0 ? undefined : bytes.subarray(at, at + 32)
  if (recorded === undefined || !recorded.equals(commitmentOf({ label, salt: decoded(salt), content }))) throw new FalseClaim('body.commitment', `its leaf commits to another ${label === 7 ? 'input' : 'decision'}`)
}

function decoded(text: string): Buffer {
  const bytes = decodeBase64(text)
  if (bytes === undefined) throw new FalseClaim('leaf.malformed', 'its proof is not base64')
  return bytes
}

function checking<T>(item: string, check: () => T): T {
  try {
    return check()
  } catch (cause) {
    if (cause instanceof FalseClaim || cause instanceof CborError || cause instanceof RangeError) throw new EvidenceError('ERR_EVIDENCE_CORPUS', `the replay corpus is false at ${item}: ${cause.message}`, { cause })
    throw cause
  }
}
