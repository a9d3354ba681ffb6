// All frames of one batch (FORMAT §7): the leaves object under its root, and the session index against what the leaves say.
import { CborError, CborReader } from './cbor.ts'
import type { BatchLeaf } from './batch.ts'
import { FalseClaim } from './finding.ts'
import type { Findings } from './finding.ts'
import { Leaf } from './leaf.ts'
import { Frontier, hex, isEqual, isHashAt } from './merkle.ts'
import type { TreeHasher } from './merkle.ts'
import type { BatchPlace, Sessions, SessionState } from './sessions.ts'
import type { Store } from './store.ts'

const maxRowBytes = 4096
/** Full subtrees of a tree of 2^53 leaves. */
const maxFrontier = 53
/** Sessions known by name to be lost in one batch: above it, all are taken to be. */
const maxLost = 65_536

/** A frame with recorded content: its commitments must be met by a body. Offsets are into the leaves object. */
export interface FrameWithContent { readonly seq: number; readonly commitments: readonly [number, number, number] }

/** What a batch's leaves told, for the checks that follow. */
export interface BatchFrames {
  readonly bytes: Buffer
  readonly touched: ReadonlySet<SessionState>
  /** By session. */
  readonly contents: ReadonlyMap<SessionState, FrameWithContent[]>
  /** True when every leaf was read and the tree is right. */
  readonly isWhole: boolean
}

export class FrameReader {
  readonly #store: Store
  readonly #sessions: Sessions
  readonly #hasher: TreeHasher
  readonly #findings: Findings
  readonly #leaf = new Leaf()

  constructor(store: Store, sessions: Sessions, hasher: TreeHasher, findings: Findings) {
    this.#store = store
    this.#sessions = sessions
    this.#hasher = hasher
    this.#findings = findings
  }

  read(batch: BatchLeaf, place: BatchPlace): BatchFrames | undefined {
    const item = `batch ${place.index}, ${this.#store.nameOf('leaves', batch.leavesName)}`
    const bytes = this.#findings.attempt(item, () => this.#store.read('leaves', batch.leavesName, place.index))
    if (bytes === undefined) {
      this.#lose(batch, place)
      return undefined
    }
    const tree = new Frontier(this.#hasher)
    const touched = new Set<SessionState>()
    const contents = new Map<SessionState, FrameWithContent[]>()
    const isRead = this.#findings.attempt(item, () => { this.#readAll(bytes, tree, touched, contents, place); return true }) === true
    if (!isRead) this.#lose(batch, place)
    else if (tree.size !== batch.frames) this.#findings.fail('leaves.count', item, `${tree.size} frames where the batch leaf says ${batch.frames}`)
    else if (!isEqual(tree.root(), batch.root)) this.#findings.fail('leaves.root', item, 'the root of its frame tree is not that of the batch leaf')
    return { bytes, touched, contents, isWhole: isRead }
  }

  #readAll(bytes: Buffer, tree: Frontier, touched: Set<SessionState>, contents: Map<SessionState, FrameWithContent[]>, place: BatchPlace): void {
    const reader = new CborReader(bytes)
    const leaf = this.#leaf
    let last: SessionState | undefined
    while (!reader.isAtEnd) {
      try {
        leaf.read(reader)
      } catch (cause) {
        if (cause instanceof CborError) throw new FalseClaim('leaf.malformed', `frame ${tree.size}: ${cause.message}`)
        throw cause
      }
      const leafHash = this.#hasher.leaf(bytes, leaf.start, leaf.end)
      tree.append(leafHash)
      const state = this.#sessions.add(bytes, leaf, leafHash, place)
      if (state === undefined) continue
      if (state !== last) { touched.add(state); last = state }
      if (!leaf.hasContent) continue
      const content = { seq: leaf.seq, commitments: [...leaf.commitments] as const }
      const list = contents.get(state)
      if (list === undefined) contents.set(state, [content])
      else list.push(content)
    }
  }

  /** Leaves that cannot be read: the index, where it can be, tells which sessions can no longer be judged. */
  #lose(batch: BatchLeaf, place: BatchPlace): void {
    try {
      const ids: Uint8Array[] = []
      for (const { session } of rowsOf(this.#store.read('index', batch.indexName, place.index))) if (ids.push(session) > maxLost) { this.#sessions.lose(undefined, place); return }
      this.#sessions.lose(ids, place)
    } catch (cause) {
      if (!(cause instanceof FalseClaim)) throw cause
      this.#sessions.lose(undefined, place)
    }
  }

  /** The session-index object: one row for each session with a frame in the batch, sorted, each as the leaves say. */
  checkIndex(batch: BatchLeaf, frames: BatchFrames | undefined, index: number): void {
    const item = `batch ${index}, ${this.#store.nameOf('index', batch.indexName)}`
    const due = new Map(frames?.isWhole === true ? [...frames.touched].map((state) => [state.id, state]) : [])
    const isRead = this.#findings.attempt(item, () => {
      for (const row of rowsOf(this.#store.read('index', batch.indexName, index))) {
        if (frames?.isWhole !== true) continue
        const id = hex(row.session)
        const state = due.get(id)
        const wrong = state === undefined ? 'there is no frame of it in this batch' : state.isBroken ? undefined : differs(row, state)
        if (wrong !== undefined) this.#findings.fail('index.row', `${item}, session ${id}`, wrong)
        due.delete(id)
      }
      return true
    })
    if (isRead !== true) return
    for (const id of due.keys()) this.#findings.fail('index.row', `${item}, session ${id}`, 'the session has frames in this batch and no row')
  }
}

interface Row {
  readonly session: Uint8Array
  readonly epoch: number
  readonly first: number
  readonly last: number
  readonly count: number
  readonly root: Uint8Array
  readonly frontier: readonly Uint8Array[]
  readonly state: number
  readonly ordinal: number
}

/** One after the other: an object may be a gigabyte of rows. @throws FalseClaim `index.malformed` */
function* rowsOf(bytes: Uint8Array): Generator<Row> {
  let before: Row | undefined
  const reader = new CborReader(bytes)
  const next = (member: number): void => { if (reader.uint() !== member) throw new CborError(`member ${member} of a row is missing`, reader.at) }
  const uint = (member: number): number => { next(member); return reader.uint() }
  const fixed = (size: number): Uint8Array => { const at = reader.bytesAt(size); return bytes.subarray(at, at + size) }
  try {
    while (!reader.isAtEnd) {
      const start = reader.at
      if (reader.mapLength() !== 9) throw new CborError('not the 9 members of a row', start)
      next(1)
      const session = fixed(16)
      const [epoch, first, last, count] = [uint(2), uint(3), uint(4), uint(5)]
      next(6)
      const root = fixed(32)
      next(7)
      const length = reader.arrayLength()
      if (length > maxFrontier) throw new CborError('a frontier longer than any tree has', reader.at)
      const frontier = Array.from({ length }, () => fixed(32))
      const row = { session, epoch, first, last, count, root, frontier, state: uint(8), ordinal: uint(9) }
      if (reader.at - start > maxRowBytes) throw new CborError('a row larger than allowed', start)
      if (before !== undefined && Buffer.compare(before.session, session) >= 0) throw new CborError('rows that are not sorted by session', start)
      before = row
      yield row
    }
  } catch (cause) {
    if (cause instanceof CborError) throw new FalseClaim('index.malformed', cause.message)
    throw cause
  }
}

/** What a row says otherwise than the leaves, or undefined. */
function differs(row: Row, state: SessionState): string | undefined {
  if (row.epoch !== state.epoch || row.ordinal !== state.ordinal) return `epoch ${row.epoch} and ordinal ${row.ordinal} where its opening says ${state.epoch} and ${state.ordinal}`
  if (row.first !== state.first || row.last !== state.frontier.size - 1 || row.count !== state.frontier.size) return `seq ${row.first} to ${row.last} of ${row.count} where the leaves say ${state.first} to ${state.frontier.size - 1}`
  if (!isHashAt(row.root, 0, state.frontier.root())) return 'its root is not that of the leaves'
  if (row.frontier.length !== state.frontier.roots.length || !state.frontier.roots.every((root, i) => isHashAt(row.frontier[i] ?? root, 0, root))) return 'its frontier is not that of the leaves'
  return row.state === (state.isClosed ? 1 : 0) ? undefined : `it says ${row.state === 1 ? 'closed' : 'open'}`
}
