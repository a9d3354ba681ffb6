// What the sealer knows of each open session: count, tree, last leaf, open intents (FORMAT.md §4, §7). One table per sealer; state.ts keeps it across restarts.
import { EvidenceError } from '../errors.ts'
import { decode, encode, type CborValue } from '../session/cbor.ts'
import { frameKind } from '../session/frame.ts'
import { CompactTree } from '../tlog/compact.ts'
import { hashBytes } from '../tlog/hash.ts'
import type { ItemView } from './items.ts'

const noLeaf = '\0'.repeat(hashBytes)

export interface SessionState {
  readonly id: Uint8Array
  /** The epoch that opened it, and its place among that epoch's sessions. */
  readonly epoch: number
  readonly ordinal: number
  readonly isNode: boolean
  readonly tree: CompactTree
  /** Hash of its newest leaf, as latin1 text (hash.ts). */
  last: string
  /** seqs of intents without an outcome */
  readonly openIntents: Set<number>
  /** Of a node session: ordinals its epoch had given out at its last cut. */
  ordinals: number
  isClosed: boolean
  /** First seq in the batch under way; −1 when it has no frame in it. */
  first: number
}

export class SessionTable {
  readonly #sessions = new Map<string, SessionState>()
  /** Sessions with something to keep or to say at the next cut. */
  readonly #touched = new Set<SessionState>()
  #recent: SessionState | undefined
  #recentKey = ''

  get all(): Iterable<SessionState> { return this.#sessions.values() }
  get touched(): Iterable<SessionState> { return this.#touched }

  restore(session: SessionState): void {
    this.#sessions.set(keyOf(session.id), session)
  }

  /** Puts one leaf behind its session's last one. @throws EvidenceError ERR_EVIDENCE_CORRUPT when it is not the next one */
  append(bytes: Buffer, leaf: ItemView, hash: string): void {
    const key = bytes.toString('latin1', leaf.session, leaf.session + 16)
    const session = key === this.#recentKey && this.#recent !== undefined ? this.#recent : this.#find(key, bytes, leaf)
    if (session.isClosed || leaf.seq !== session.tree.size || bytes.toString('latin1', leaf.previous, leaf.previous + hashBytes) !== session.last) throw disorder(session.id, leaf.seq)
    session.tree.appendText(hash)
    session.last = hash
    if (session.first < 0) {
      session.first = leaf.seq
      this.#touched.add(session)
    }
    if (leaf.kind === frameKind.intent) session.openIntents.add(leaf.seq)
    else if (leaf.kind === frameKind.outcome) session.openIntents.delete(leaf.ref)
    else if (leaf.kind === frameKind.recovery) this.#recover(structureOf(bytes, leaf))
    else if (leaf.kind === frameKind.close) session.isClosed = true
  }

  #find(key: string, bytes: Buffer, leaf: ItemView): SessionState {
    const session = this.#sessions.get(key) ?? this.#open(key, bytes, leaf)
    this.#recent = session
    this.#recentKey = key
    return session
  }

  #open(key: string, bytes: Buffer, leaf: ItemView): SessionState {
    const id = Uint8Array.from(bytes.subarray(leaf.session, leaf.session + 16))
    if (leaf.seq !== 0 || (leaf.kind !== frameKind.epoch && leaf.kind !== frameKind.open)) throw disorder(id, leaf.seq)
    const structure = structureOf(bytes, leaf)
    const [epoch, ordinal] = [structure.get(1), structure.get(2)]
    if (typeof epoch !== 'number' || typeof ordinal !== 'number') throw disorder(id, 0)
    const session: SessionState = { id, epoch, ordinal, isNode: leaf.kind === frameKind.epoch, tree: new CompactTree(), last: noLeaf, openIntents: new Set(), ordinals: 0, isClosed: false, first: -1 }
    this.#sessions.set(key, session)
    return session
  }

  // A recovery frame says what became of another session's intent: it is no longer open.
  #recover(structure: ReadonlyMap<unknown, unknown>): void {
    const [id, seq] = [structure.get(1), structure.get(2)]
    const session = id instanceof Uint8Array ? this.#sessions.get(keyOf(id)) : undefined
    if (session === undefined || typeof seq !== 'number') return
    session.openIntents.delete(seq)
    this.#touched.add(session)
  }

  /** The cut says how many ordinals its epoch has given out: kept with the epoch's own session. */
  cut(epoch: number, ordinals: number): void {
    for (const session of this.#sessions.values()) {
      if (!session.isNode || session.epoch !== epoch || session.ordinals === ordinals) continue
      session.ordinals = ordinals
      this.#touched.add(session)
    }
  }

  /** The index object of the batch under way: one row for each session with a frame in it, sorted by session. */
  indexRows(): Uint8Array {
    const rows = [...this.#touched].filter((session) => session.first >= 0).sort((a, b) => Buffer.compare(a.id, b.id)).map(writeRow)
    return Buffer.concat(rows)
  }

  /** The batch is sealed: what comes next belongs to another. */
  settle(): void {
    for (const session of this.#touched) {
      session.first = -1
      if (session.isClosed) this.#sessions.delete(keyOf(session.id))
    }
    this.#touched.clear()
    this.#recent = undefined
    this.#recentKey = ''
  }
}

// FORMAT.md §7, row
function writeRow(session: SessionState): Uint8Array {
  const { size } = session.tree
  return encode(new Map<number, CborValue>([
    [1, session.id], [2, session.epoch], [3, session.first], [4, size - 1], [5, size], [6, session.tree.root()], [7, session.tree.frontier], [8, session.isClosed ? 1 : 0], [9, session.ordinal],
  ]))
}

function structureOf(bytes: Buffer, leaf: ItemView): ReadonlyMap<unknown, unknown> {
  const structure = leaf.structure < 0 ? undefined : decode(bytes.subarray(leaf.structure, leaf.end))
  return structure instanceof Map ? structure : new Map()
}

function keyOf(id: Uint8Array): string {
  return Buffer.from(id).toString('latin1')
}

function disorder(id: Uint8Array, seq: number): EvidenceError {
  return new EvidenceError('ERR_EVIDENCE_CORRUPT', `leaf ${seq} of session ${Buffer.from(id).toString('hex')} does not follow the one before it`)
}
