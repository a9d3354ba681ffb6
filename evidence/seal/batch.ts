// The batch under way: leaves and boxes as the journal brings them, and, at a cut, the objects and the leaf they become (FORMAT.md §7, §9).
import type { Cut } from '../session/record.ts'
import { CompactTree } from '../tlog/compact.ts'
import { leafHash, sha256, sha256Text } from '../tlog/hash.ts'
import { writeBatchLeaf } from '../tlog/leaf.ts'
import type { StoreObject } from '../repository/store.ts'
import { Chunks } from './chunks.ts'
import { ItemReader } from './items.ts'
import type { SessionTable } from './sessions.ts'

/** A body object is closed at the first box that reaches this. By bytes alone, so that a re-run splits at the same place. */
const bodyObjectBytes = 8 * 1024 * 1024

/** What is sealed as one entry of the log. */
export interface Batch {
  readonly leaf: Uint8Array
  readonly leafHash: Uint8Array
  readonly epoch: number
  readonly cut: Cut
  readonly objects: readonly StoreObject[]
  /** Names of the body objects, in order; they have been kept already. */
  readonly bodies: readonly Uint8Array[]
}

export class BatchBuilder {
  readonly #node: string
  readonly #sessions: SessionTable
  readonly #keep: (body: StoreObject) => void
  #frames = new CompactTree()
  #leaves = new Chunks()
  #boxes = new Chunks()
  #bodies: Uint8Array[] = []

  /** @param keep takes each body object when it is full, its bytes good until it returns: a batch may have more bodies than memory.
   * A batch that is made again from its leaves has none. */
  constructor(node: string, sessions: SessionTable, keep: (body: StoreObject) => void = () => {}) {
    this.#node = node
    this.#sessions = sessions
    this.#keep = keep
  }

  /** @param payload of a journal write; overwritten here and there. @throws EvidenceError ERR_EVIDENCE_CORRUPT, and whatever keeping a body throws */
  write(payload: Uint8Array): void {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length)
    const items = new ItemReader(bytes)
    for (let item = items.next(); item !== undefined; item = items.next()) {
      const { start, end } = items
      if (item === 'map') this.#box(bytes, start, end)
      else {
        // RFC 6962 §2.1: the prefix of a leaf goes where the item's own header was, which saves a copy of every leaf.
        bytes[start - 1] = 0x00
        const hash = sha256Text(bytes.subarray(start - 1, end))
        this.#sessions.append(bytes, items, hash)
        this.#frames.appendText(hash)
        this.#leaves.append(bytes, start, end)
      }
    }
  }

  #box(bytes: Buffer, start: number, end: number): void {
    this.#boxes.append(bytes, start, end)
    if (this.#boxes.length >= bodyObjectBytes) this.#closeBody()
  }

  #closeBody(): void {
    const body = storeObject('bodies', this.#boxes.take())
    this.#keep(body)
    this.#bodies.push(body.name)
  }

  /** Ends the batch at a cut, keeping what it has of bodies. Its objects' bytes are good until the next write, which begins another. */
  close(epoch: number, cut: Cut, previous: Uint8Array): Batch {
    if (this.#boxes.length > 0) this.#closeBody()
    this.#sessions.cut(epoch, cut.ordinalsAfter)
    const leaves = storeObject('leaves', this.#leaves.take())
    const index = storeObject('index', this.#sessions.indexRows())
    const leaf = writeBatchLeaf({
      node: this.#node, epoch, number: cut.number, time: cut.time, previous, frameRoot: this.#frames.root(), frames: this.#frames.size,
      ordinalsBefore: cut.ordinalsBefore, ordinalsAfter: cut.ordinalsAfter, leaves: leaves.name, index: index.name, largestWindowUs: cut.largestWindowUs, why: cut.reason,
    })
    const batch = { leaf, leafHash: leafHash(leaf), epoch, cut, objects: [leaves, index], bodies: this.#bodies }
    this.#frames = new CompactTree()
    this.#bodies = []
    return batch
  }
}

function storeObject(kind: StoreObject['kind'], bytes: Uint8Array): StoreObject {
  return { kind, name: sha256(bytes), bytes }
}
