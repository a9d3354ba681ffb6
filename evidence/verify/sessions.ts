// What each session claims (FORMAT §3, §4): seq without gaps, the chain of hashes, legal order of kinds, and a close that counts right.
// A session may span batches and outlive its epoch, so its state is carried from batch to batch.
import type { FalseCode, Findings } from './finding.ts'
import { kind } from './leaf.ts'
import type { Leaf } from './leaf.ts'
import { Frontier, hex, isHashAt, zeroHash } from './merkle.ts'
import type { TreeHasher } from './merkle.ts'
import { SeqSet } from './seq-set.ts'

export interface SessionState {
  readonly id: string
  readonly node: string
  readonly epoch: number
  readonly ordinal: number
  /** hex */
  readonly keyId: string
  readonly isNodeSession: boolean
  readonly frontier: Frontier
  last: Uint8Array
  time: number
  /** Intents without an outcome. */
  readonly open: Set<number>
  /** Intents that were seen at all: a ref must point at one. */
  readonly intents: SeqSet
  /** A finding was made, or its earlier leaves could not be read: what follows cannot be judged, and is not reported again. */
  isBroken: boolean
  isClosed: boolean
  /** First seq of the current batch, and the batch that is. */
  batch: number
  first: number
}

/** What a close leaves behind: nothing may follow it, but a recovery may still name its intents. */
interface Closed { readonly epoch: number; readonly node: string; readonly open: ReadonlySet<number> }

/** An epoch of a node, as its node session and the opens tell it. */
export interface EpochState { readonly node: string; readonly epoch: number; readonly session: string; readonly ordinals: Set<number>; ordinalCount: number; ordinalMax: number; isClosed: boolean }

export interface SessionCounts { frames: number; sessions: number; closed: number; intents: number; outcomes: number; refusals: number; approvals: number; recovered: number; clockSteps: number; timedElsewhere: number }

/** Where the frames being read lie. */
export interface BatchPlace { readonly index: number; readonly node: string; readonly epoch: number; readonly previousOfNode: Uint8Array; readonly time: number; readonly previousTime: number }

/** A frame's time is the clock's word, and no claim; so far from its batch's own it is told (ms). The longest interval is 60 s. */
const toleranceMs = 60_000

export class Sessions {
  readonly counts: SessionCounts = { frames: 0, sessions: 0, closed: 0, intents: 0, outcomes: 0, refusals: 0, approvals: 0, recovered: 0, clockSteps: 0, timedElsewhere: 0 }
  readonly open = new Map<string, SessionState>()
  readonly closed = new Map<string, Closed>()
  readonly epochs = new Map<string, EpochState>()
  readonly #hasher: TreeHasher
  readonly #findings: Findings
  /** Leaves of some batch could not be read, nor its index: nothing is known of any session after it. */
  #isBlind = false
  #current: SessionState | undefined
  /** The current session, to skip the lookup while one session's frames follow each other. */
  #currentId = ''

  constructor(hasher: TreeHasher, findings: Findings) {
    this.#hasher = hasher
    this.#findings = findings
  }

  /** Takes one frame in journal order. Answers the session's state, or undefined where nothing can be said of it. */
  add(bytes: Buffer, leaf: Leaf, leafHash: Uint8Array, place: BatchPlace): SessionState | undefined {
    this.counts.frames += 1
    const id = bytes.toString('latin1', leaf.session, leaf.session + 16)
    const state = id === this.#currentId && this.#current !== undefined ? this.#current : this.#find(id, bytes, leaf, place)
    if (state === undefined || state.isBroken) return state
    this.#current = state
    this.#currentId = id
    if (state.batch !== place.index) { state.batch = place.index; state.first = leaf.seq }
    this.#checkChain(state, bytes, leaf, place)
    if (!state.isBroken) this.#checkKind(state, leaf, place)
    state.last = leafHash
    state.frontier.append(leafHash)
    if (leaf.kind === kind.close) this.#close(id, state)
    return state
  }

  /** The leaves of these sessions are lost: they can no longer be judged. `undefined`: no telling which. */
  lose(ids: readonly Uint8Array[] | undefined, place: BatchPlace): void {
    if (ids === undefined) { this.#isBlind = true; return }
    for (const id of ids) {
      const key = Buffer.from(id).toString('latin1')
      const state = this.open.get(key)
      if (state !== undefined) state.isBroken = true
      else this.open.set(key, { ...this.#fresh(key, place), isBroken: true })
    }
  }

  /** The ordinals of a batch against the sessions that opened: distinct, below `after`, and as many as were given out, so none is missing. */
  checkOrdinals(place: BatchPlace, after: number): void {
    if (this.#isBlind) return
    const epoch = this.epochs.get(`${place.node} ${place.epoch}`)
    if (epoch === undefined) this.#findings.fail('epoch.claim', `batch ${place.index}`, `epoch ${place.epoch} has no epoch frame`)
    else if (epoch.ordinalCount !== after || epoch.ordinalMax >= after) this.#findings.fail('batch.ordinals', `batch ${place.index}`, `${after} ordinals of epoch ${place.epoch} were given out, and ${epoch.ordinalCount} sessions opened (the highest ordinal is ${epoch.ordinalMax})`)
  }

  /** Every intent that no outcome and no recovery has ended, of sessions that are closed. */
  *unanswered(): Generator<{ readonly session: string; readonly seq: number; readonly epoch: number; readonly node: string }> {
    for (const [id, { open, epoch, node }] of this.closed) for (const seq of open) yield { session: hexOf(id), seq, epoch, node }
  }

  #find(id: string, bytes: Buffer, leaf: Leaf, place: BatchPlace): SessionState | undefined {
    const known = this.open.get(id)
    if (known !== undefined) return known
    const item = `batch ${place.index}, session ${hexOf(id)}/${leaf.seq}`
    if (this.closed.has(id)) {
      this.#findings.fail('session.close', item, 'a frame after the close of its session')
      return undefined
    }
    if (this.#isBlind && leaf.seq > 0) return undefined
    const isOpening = leaf.kind === kind.epoch || leaf.kind === kind.open
    const state = isOpening && leaf.seq === 0 ? this.#opened(id, leaf, place, item) : { ...this.#fresh(id, place), isBroken: true }
    if (leaf.seq !== 0) this.#findings.fail('session.seq', item, 'the session starts without its earlier frames')
    else if (!isOpening) this.#findings.fail('session.kind', item, `the session starts with kind ${leaf.kind}`)
    else if (!isHashAt(bytes, leaf.previous, zeroHash)) this.#findings.fail('session.previous', item, 'the first leaf names a leaf before it')
    this.open.set(id, state)
    this.counts.sessions += 1
    return state
  }

  #opened(id: string, leaf: Leaf, place: BatchPlace, item: string): SessionState {
    const isNodeSession = leaf.kind === kind.epoch
    const state = { ...this.#fresh(id, place), epoch: leaf.number(1), ordinal: leaf.number(2), keyId: hex(leaf.bytes(3)), isNodeSession, time: leaf.time }
    const key = `${place.node} ${state.epoch}`
    const lie = (message: string, code: FalseCode = 'epoch.claim'): void => this.#findings.fail(code, item, message)
    if (isNodeSession) {
      if (this.epochs.has(key)) lie(`epoch ${state.epoch} starts twice`)
      else this.epochs.set(key, { node: place.node, epoch: state.epoch, session: hexOf(id), ordinals: new Set([0]), ordinalCount: 1, ordinalMax: 0, isClosed: false })
      if (leaf.text(4) !== place.node || state.epoch !== place.epoch) lie('the epoch frame is not of this batch\'s node and epoch')
      if (!isHashAt(leaf.bytes(6), 0, place.previousOfNode)) lie('the epoch frame does not name the batch leaf before it')
      return state
    }
    const epoch = this.epochs.get(key)
    if (epoch === undefined) lie(`a session opens in epoch ${state.epoch}, which has not started`)
    else if (epoch.isClosed) lie(`a session opens in epoch ${state.epoch}, which is closed`)
    else if (epoch.ordinals.has(state.ordinal)) lie(`ordinal ${state.ordinal} of epoch ${state.epoch} was given twice`, 'batch.ordinals')
    else {
      epoch.ordinals.add(state.ordinal)
      epoch.ordinalCount += 1
      epoch.ordinalMax = Math.max(epoch.ordinalMax, state.ordinal)
    }
    return state
  }

  #fresh(id: string, place: BatchPlace): SessionState {
    return {
      id: hexOf(id), node: place.node, epoch: place.epoch, ordinal: -1, keyId: '', isNodeSession: false, frontier: new Frontier(this.#hasher),
      last: zeroHash, time: 0, open: new Set(), intents: new SeqSet(), isBroken: false, isClosed: false, batch: -1, first: 0,
    }
  }

  #checkChain(state: SessionState, bytes: Buffer, leaf: Leaf, place: BatchPlace): void {
    if (place.node !== state.node) return this.#break(state, leaf, 'epoch.claim', `it is of node ${state.node}, in a batch of node ${place.node}`)
    if (leaf.seq !== state.frontier.size) return this.#break(state, leaf, 'session.seq', `seq ${leaf.seq} where ${state.frontier.size} is due`)
    if (!isHashAt(bytes, leaf.previous, state.last)) return this.#break(state, leaf, 'session.previous', 'it does not name the leaf before it')
    if (leaf.time < state.time) this.counts.clockSteps += 1
    state.time = leaf.time
    if (leaf.time > place.time + toleranceMs || leaf.time < place.previousTime - toleranceMs) this.counts.timedElsewhere += 1
  }

  #checkKind(state: SessionState, leaf: Leaf, place: BatchPlace): void {
    if (leaf.seq > 0 && (leaf.kind === kind.epoch || leaf.kind === kind.open)) return this.#break(state, leaf, 'session.kind', 'the session opens again')
    if (leaf.ref >= 0 && !state.intents.has(leaf.ref)) this.#lie(state, leaf, 'session.ref', `it refers to seq ${leaf.ref}, which is not an earlier intent`)
    switch (leaf.kind) {
      case kind.intent: this.counts.intents += 1; state.open.add(leaf.seq); state.intents.add(leaf.seq); break
      case kind.requestChunk: case kind.resultChunk:
        if (state.intents.has(leaf.ref) && !state.open.has(leaf.ref)) this.#lie(state, leaf, 'session.outcome', `a chunk after the outcome of seq ${leaf.ref}`)
        break
      case kind.outcome:
        this.counts.outcomes += 1
        if (!state.open.delete(leaf.ref) && state.intents.has(leaf.ref)) this.#lie(state, leaf, 'session.outcome', `seq ${leaf.ref} has had its outcome`)
        break
      case kind.refusal: this.counts.refusals += 1; break
      case kind.approval: this.counts.approvals += 1; break
      case kind.recovery: this.#recover(state, leaf); break
      case kind.close: this.#checkClose(state, leaf, place); break
    }
  }

  #recover(state: SessionState, leaf: Leaf): void {
    this.counts.recovered += 1
    const id = Buffer.from(leaf.bytes(1)).toString('latin1')
    const open = this.open.get(id)?.open ?? this.closed.get(id)?.open
    const seq = leaf.number(2)
    if (open instanceof Set && open.delete(seq)) return
    if (this.#isBlind || this.open.get(id)?.isBroken === true) return
    this.#lie(state, leaf, 'session.outcome', `it recovers ${hexOf(id)}/${seq}, which is not an intent without an outcome`)
  }

  #checkClose(state: SessionState, leaf: Leaf, place: BatchPlace): void {
    this.counts.closed += 1
    if (leaf.number(1) !== leaf.seq) this.#lie(state, leaf, 'session.close', `it counts ${leaf.number(1)} leaves where there are ${leaf.seq}`)
    if (!isHashAt(leaf.bytes(2), 0, state.frontier.root())) this.#lie(state, leaf, 'session.close', 'its root is not that of the leaves before it')
    const ordinals = leaf.number(4)
    if (state.isNodeSession !== ordinals >= 0) this.#lie(state, leaf, 'session.close', state.isNodeSession ? 'it does not say how many ordinals its epoch gave out' : 'only a node session says how many ordinals there were')
    if (!state.isNodeSession) return
    const epoch = this.epochs.get(`${place.node} ${state.epoch}`)
    if (epoch === undefined) return
    epoch.isClosed = true
    if (!this.#isBlind && ordinals >= 0 && epoch.ordinalCount !== ordinals) this.#lie(state, leaf, 'batch.ordinals', `it says that epoch ${state.epoch} gave out ${ordinals} ordinals; ${epoch.ordinalCount} are on record`)
    epoch.ordinals.clear()
  }

  #close(id: string, state: SessionState): void {
    state.isClosed = true
    this.open.delete(id)
    this.closed.set(id, { epoch: state.epoch, node: state.node, open: state.open })
    this.#current = undefined
  }

  #lie(state: SessionState, leaf: Leaf, code: FalseCode, message: string): void {
    this.#findings.fail(code, `batch ${state.batch}, session ${state.id}/${leaf.seq}`, message)
  }

  #break(state: SessionState, leaf: Leaf, code: FalseCode, message: string): void {
    this.#lie(state, leaf, code, message)
    state.isBroken = true
  }
}

/** Session ids are kept as Latin-1 strings of their 16 bytes. */
export function hexOf(id: string): string { return Buffer.from(id, 'latin1').toString('hex') }
