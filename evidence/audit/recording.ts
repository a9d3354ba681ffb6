// Reads a record back for people and for re-deciding: frames in order with their opened contents, each held against its commitment. Read-only, and no
// verdict: `verify` gives that.
import { join } from 'node:path'
import { EvidenceError } from '../errors.ts'
import { parseBatchLeaf } from '../verify/batch.ts'
import type { BatchLeaf } from '../verify/batch.ts'
import { readBodyIndex } from '../verify/bodies.ts'
import { boxesOf, commitmentOf, openBox } from '../verify/box.ts'
import { CborError, CborReader } from '../verify/cbor.ts'
import type { CborItem } from '../verify/cbor.ts'
import { parseCommit } from '../verify/commit.ts'
import { FalseClaim } from '../verify/finding.ts'
import { GitRepository } from '../verify/git.ts'
import { kind, labels, Leaf } from '../verify/leaf.ts'
import { hex, isHashAt } from '../verify/merkle.ts'
import type { SessionKeys } from '../verify/session-keys.ts'
import { Store } from '../verify/store.ts'

export interface RecordedFrame {
  /** Place of its batch in the log, and its place in the batch. */
  readonly batch: number
  readonly position: number
  /** hex */
  readonly session: string
  readonly seq: number
  /** ms */
  readonly time: number
  readonly kind: number
  readonly ref: number | undefined
  /** hex */
  readonly decisionId: string | undefined
  readonly bundle: string | undefined
  readonly structure: ReadonlyMap<number, CborItem>
  /** By label 7, 8, 9; only what a key opened. */
  readonly contents: ReadonlyMap<number, Uint8Array>
  /** Of what was opened, by label. */
  readonly salts: ReadonlyMap<number, Uint8Array>
  /** Its bytes in the leaves object. */
  readonly leaf: Uint8Array
  /** The frame commits to content: with none in `contents`, no key was at hand. */
  readonly hasContent: boolean
}

type Opened = Pick<RecordedFrame, 'contents' | 'salts'>

const nothing: Opened = { contents: new Map(), salts: new Map() }

export const kindNames: readonly string[] = Object.keys(kind)

/** One evidence directory as of the commit that `main` named when it was opened. */
export class Recording implements Disposable {
  readonly #repository: GitRepository
  readonly #store: Store
  readonly #keys: SessionKeys
  readonly #leaves: readonly Uint8Array[]
  /** The signed note of the pinned commit. */
  readonly checkpoint: string

  /** @throws EvidenceError `ERR_EVIDENCE_NOT_FOUND`, `ERR_EVIDENCE_CORRUPT` */
  constructor(directory: string, keys: SessionKeys = new Map()) {
    this.#keys = keys
    this.#store = new Store(join(directory, 'store'))
    this.#repository = reading(() => new GitRepository(join(directory, 'log.git')))
    const { leaves, checkpoint } = reading(() => this.#readLog())
    this.#leaves = leaves
    this.checkpoint = checkpoint
  }

  /** Every batch leaf, in the log's order. */
  get leaves(): readonly Uint8Array[] { return this.#leaves }

  /** Frames in the record's order; of one session only when it is named (hex). @throws EvidenceError `ERR_EVIDENCE_CORRUPT` */
  *frames(session?: string): Generator<RecordedFrame> {
    for (const [index, bytes] of this.#leaves.entries()) {
      const batch = reading(() => parseBatchLeaf(bytes))
      if (batch.frames > 0 && (session === undefined || this.#indexOf(batch).includes(Buffer.from(session, 'hex')))) yield* this.#framesOf(batch, index, session)
    }
  }

  /** Frames of one batch, by its place in the log. @throws EvidenceError `ERR_EVIDENCE_CORRUPT` */
  framesOfBatch(index: number): readonly RecordedFrame[] {
    return this.#framesOf(reading(() => parseBatchLeaf(this.#leaves[index] ?? new Uint8Array(0))), index, undefined)
  }

  [Symbol.dispose](): void { this.#repository.close() }

  #readLog(): { leaves: Uint8Array[]; checkpoint: string } {
    const head = this.#repository.branch('main')
    if (head === undefined) throw new EvidenceError('ERR_EVIDENCE_NOT_FOUND', 'there is no evidence log here: no commit in log.git')
    const commit = parseCommit(head, this.#repository.read(head, 'commit'))
    const folder = this.#repository.tree(commit.tree).find(({ name }) => name === 'leaf')
    if (folder === undefined) throw new EvidenceError('ERR_EVIDENCE_CORRUPT', 'the evidence log has no leaf folder')
    const ids = new Map(this.#repository.tree(folder.id).flatMap(({ id }) => this.#repository.tree(id)).map(({ name, id }) => [name, id]))
    const leaves = Array.from({ length: commit.checkpoint.size }, (_, index) => {
      const id = ids.get(String(index))
      if (id === undefined) throw new EvidenceError('ERR_EVIDENCE_CORRUPT', `batch leaf ${index} is missing`)
      return this.#repository.read(id, 'blob')
    })
    return { leaves, checkpoint: commit.checkpointText }
  }

  /** The index object of a batch: a session's id is found in it as bytes, which skips batches without that session. */
  #indexOf(batch: BatchLeaf): Buffer { return reading(() => this.#store.read('index', batch.indexName)) }

  #framesOf(batch: BatchLeaf, index: number, session: string | undefined): RecordedFrame[] {
    const bytes = reading(() => this.#store.read('leaves', batch.leavesName))
    const contents = this.#contentsOf(index, session)
    const frames: RecordedFrame[] = []
    const reader = new CborReader(bytes)
    const leaf = new Leaf()
    for (let position = 0; !reader.isAtEnd; position++) {
      reading(() => { leaf.read(reader) })
      const id = bytes.toString('hex', leaf.session, leaf.session + 16)
      if (session !== undefined && id !== session) continue
      const opened = contents.get(`${id}/${leaf.seq}`) ?? nothing
      checkCommitments(opened, leaf, bytes, `${id}/${leaf.seq}`)
      frames.push({
        batch: index, position, session: id, seq: leaf.seq, time: leaf.time, kind: leaf.kind, ref: leaf.ref < 0 ? undefined : leaf.ref,
        decisionId: leaf.decisionId < 0 ? undefined : bytes.toString('hex', leaf.decisionId, leaf.decisionId + 16),
        bundle: leaf.bundle < 0 ? undefined : bytes.toString('hex', leaf.bundle, leaf.bundle + 32),
        structure: leaf.structure ?? new Map(), ...opened, leaf: bytes.subarray(leaf.start, leaf.end), hasContent: leaf.hasContent,
      })
    }
    return frames
  }

  #contentsOf(index: number, session: string | undefined): Map<string, Opened> {
    const contents = new Map<string, Opened>()
    if (this.#keys.size === 0) return contents
    for (const name of reading(() => readBodyIndex(this.#store.bodyIndex(index), index, false))) {
      for (const box of reading(() => [...boxesOf(this.#store.read('bodies', name))])) {
        const id = hex(box.session)
        const key = session === undefined || id === session ? this.#keys.get(hex(box.keyId)) : undefined
        if (key === undefined) continue
        for (const item of reading(() => openBox(box, key))) contents.set(`${id}/${item.seq}`, {
          contents: new Map(item.contents.map(({ label, content }) => [label, content])), salts: new Map(item.contents.map(({ label, salt }) => [label, salt])),
        })
      }
    }
    return contents
  }
}

/** Whoever holds the session's key can put another body in the place of the recorded one: nobody is shown that as what happened. @throws EvidenceError `ERR_EVIDENCE_CORRUPT` */
function checkCommitments({ contents, salts }: Opened, leaf: Leaf, bytes: Uint8Array, frame: string): void {
  for (const [label, content] of contents) {
    const at = leaf.commitments[labels.findIndex((one) => one === label)] ?? -1
    const salt = salts.get(label)
    if (at < 0 || salt === undefined || !isHashAt(bytes, at, commitmentOf({ label, salt, content }))) throw new EvidenceError('ERR_EVIDENCE_CORRUPT', `the body of frame ${frame} is not what its leaf commits to; "evidence verify --keys" names all that is wrong`)
  }
}

/** Contents of a frame by name. */
export function contentsOf({ contents }: RecordedFrame): { request?: Uint8Array; decision?: Uint8Array; result?: Uint8Array } {
  const [request, decision, result] = labels.map((label) => contents.get(label))
  return { ...(request === undefined ? {} : { request }), ...(decision === undefined ? {} : { decision }), ...(result === undefined ? {} : { result }) }
}

/** What the verifier would call a false claim is, to a reader, a record it cannot read. */
function reading<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof FalseClaim || cause instanceof CborError) throw new EvidenceError('ERR_EVIDENCE_CORRUPT', `${cause.message}; "evidence verify" names all that is wrong`, { cause })
    throw cause
  }
}
