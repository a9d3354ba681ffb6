// Bodies of one batch (FORMAT §5, §9): present and named right; each commitment covered by a box; and, with keys, opened and recomputed.
import { boxesOf, commitmentOf, openBox } from './box.ts'
import type { BodyItem, Box } from './box.ts'
import { CborError, readCbor } from './cbor.ts'
import { FalseClaim } from './finding.ts'
import type { Findings } from './finding.ts'
import type { BatchFrames, FrameWithContent } from './frames.ts'
import { labels } from './leaf.ts'
import { hex, isHashAt } from './merkle.ts'
import type { SessionKeys } from './session-keys.ts'
import type { SessionState } from './sessions.ts'
import type { Store } from './store.ts'

const maxBodyObjects = 65_536
const labelNames = ['request', 'decision', 'result'] as const

export interface BodyCounts { objects: number; boxes: number; opened: number; contents: number }

/** A session's boxes in one batch, and the most there can be. */
interface Held { readonly boxes: Box[]; readonly most: number }

export class BodyChecker {
  readonly counts: BodyCounts = { objects: 0, boxes: 0, opened: 0, contents: 0 }
  /** Sessions (hex) whose key was not among those given. */
  readonly withoutKey = new Set<string>()
  readonly #store: Store
  readonly #findings: Findings
  readonly #keys: SessionKeys | undefined
  /** Key id and nonce of boxes that were opened: the same pair twice would undo the cipher. */
  readonly #nonces = new Set<string>()

  constructor(store: Store, keys: SessionKeys | undefined, findings: Findings) {
    this.#store = store
    this.#keys = keys
    this.#findings = findings
  }

  check(index: number, frames: BatchFrames): void {
    const names = this.#findings.attempt(`batch ${index}, store/body-index/${index}.cbor`, () => readBodyIndex(this.#store.bodyIndex(index), index, frames.contents.size > 0))
    if (names === undefined) return
    const boxes = new Map<string, Held>([...frames.contents].map(([{ id }, contents]) => [id, { boxes: [], most: contents.length }]))
    let isWhole = true
    for (const name of names) {
      const item = `batch ${index}, store/body-index/${index}.cbor, ${this.#store.nameOf('bodies', name)}`
      isWhole = this.#findings.attempt(item, () => this.#readObject(name, boxes, index)) === true && isWhole
      if (this.#findings.isEnough) return
    }
    // What a damaged object held is unknown: that it is damaged has been said, and no frame is blamed for it.
    if (!isWhole) return
    for (const [state, contents] of frames.contents) {
      const own = (boxes.get(state.id)?.boxes ?? []).sort((a, b) => a.first - b.first)
      for (const { seq } of uncovered(contents, own)) this.#findings.fail('body.missing', itemOf(index, state, seq), 'the frame commits to content, and no box holds it')
      // Of a broken session nobody knows what its opening names.
      if (!state.isBroken) for (const box of own) if (hex(box.keyId) !== state.keyId) this.#findings.fail('body.box', itemOf(index, state, box.first), 'the box is under another key than its session names')
      if (this.#keys !== undefined && !state.isBroken) this.#openAll(state, contents, own, this.#keys, frames.bytes, index)
    }
  }

  #readObject(name: Uint8Array, boxes: ReadonlyMap<string, Held>, index: number): true {
    for (const box of boxesOf(this.#store.read('bodies', name, index))) {
      const own = boxes.get(hex(box.session))
      if (own === undefined) throw new FalseClaim('body.box', `a box of session ${hex(box.session)}, which has no content in this batch`)
      // Each holds a frame's content at least. What more there is is not kept: millions of empty ones would fill the memory.
      if (own.boxes.push(box) > own.most) throw new FalseClaim('body.box', `session ${hex(box.session)} has more boxes than frames with content in this batch`)
      this.counts.boxes += 1
    }
    this.counts.objects += 1
    return true
  }

  #openAll(state: SessionState, contents: readonly FrameWithContent[], boxes: readonly Box[], keys: SessionKeys, leaves: Uint8Array, index: number): void {
    const due = new Map(contents.map((content) => [content.seq, content]))
    const shut: Box[] = []
    for (const box of boxes) {
      // Under another key it is a false claim already, whether or not that key was given.
      const isOwn = hex(box.keyId) === state.keyId
      const key = isOwn ? keys.get(state.keyId) : undefined
      const items = key === undefined ? undefined : this.#findings.attempt(itemOf(index, state, box.first), () => {
        const nonce = `${state.keyId} ${hex(box.nonce)}`
        if (this.#nonces.has(nonce)) throw new FalseClaim('body.box', 'two boxes under one key have the same nonce')
        this.#nonces.add(nonce)
        return openBox(box, key)
      })
      if (isOwn && key === undefined) this.withoutKey.add(state.id)
      if (items === undefined) { shut.push(box); continue }
      this.counts.opened += 1
      for (const body of items) this.#findings.attempt(itemOf(index, state, body.seq), () => { this.#checkItem(body, due, leaves) })
    }
    const unopened = new Set(uncovered([...due.values()], shut))
    for (const frame of unopened) this.#findings.fail('body.commitment', itemOf(index, state, frame.seq), 'the frame commits to content that its box does not hold')
  }

  /** Each content under its commitment, none left over on either side. */
  #checkItem(body: BodyItem, due: Map<number, FrameWithContent>, leaves: Uint8Array): void {
    const frame = due.get(body.seq)
    if (frame === undefined) throw new FalseClaim('body.commitment', 'a body for a frame that commits to none')
    due.delete(body.seq)
    for (const [i, label] of labels.entries()) {
      const at = frame.commitments[i] ?? -1
      const content = body.contents.find((one) => one.label === label)
      if (content === undefined && at < 0) continue
      if (content === undefined) throw new FalseClaim('body.commitment', `its ${labelNames[i]} has a commitment and no body`)
      if (at < 0) throw new FalseClaim('body.commitment', `its ${labelNames[i]} has a body and no commitment`)
      if (!isHashAt(leaves, at, commitmentOf(content))) throw new FalseClaim('body.commitment', `its ${labelNames[i]} is not what was committed to`)
      this.counts.contents += 1
    }
  }
}

function itemOf(index: number, state: SessionState, seq: number): string { return `batch ${index}, session ${state.id}/${seq}` }

/** Frames, seq rising, that lie in none of the boxes, which are sorted by their first seq. */
function uncovered(frames: readonly FrameWithContent[], boxes: readonly Box[]): FrameWithContent[] {
  let next = 0
  let reach = -1
  return frames.filter(({ seq }) => {
    for (let box = boxes[next]; box !== undefined && box.first <= seq; box = boxes[++next]) reach = Math.max(reach, box.last)
    return seq > reach
  })
}

/** Names of a batch's body objects. @throws FalseClaim `body.index` */
export function readBodyIndex(bytes: Uint8Array | undefined, index: number, isDue: boolean): Uint8Array[] {
  if (bytes === undefined) {
    if (isDue) throw new FalseClaim('body.index', 'the file is missing')
    return []
  }
  try {
    const map = readCbor(bytes)
    const names = map instanceof Map && map.size === 2 && map.get(1) === index ? map.get(2) : undefined
    if (!Array.isArray(names) || names.length > maxBodyObjects) throw new FalseClaim('body.index', 'it is not the body index of this batch')
    const seen = new Set<string>()
    return names.map((name) => {
      if (!(name instanceof Uint8Array) || name.length !== 32) throw new FalseClaim('body.index', 'a name in it is not a SHA-256')
      if (seen.size === seen.add(hex(name)).size) throw new FalseClaim('body.index', 'a name is in it twice')
      return name
    })
  } catch (cause) {
    if (cause instanceof CborError) throw new FalseClaim('body.index', cause.message)
    throw cause
  }
}
