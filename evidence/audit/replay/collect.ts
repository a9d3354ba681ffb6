// From a record to the rows of a corpus: every decided call, those that no policy in force could tell apart as one, each with its proof.
import { hash } from 'node:crypto'
import { PolicyError } from '../../../rego/index.ts'
import { leafHash } from '../../tlog/hash.ts'
import { parseCheckpoint } from '../../verify/note.ts'
import { kind } from '../../verify/leaf.ts'
import { contentsOf } from '../recording.ts'
import type { RecordedFrame, Recording } from '../recording.ts'
import type { Bundles } from '../redecide.ts'
import { maxWho } from './corpus.ts'
import type { CorpusBatch, CorpusBundle, CorpusParts, CorpusRow, LeftOut } from './corpus.ts'
import { openEngine } from './engine.ts'
import type { Engine } from './engine.ts'
import { hashTree } from './merkle-paths.ts'
import type { Pseudonyms } from './pseudonyms.ts'

export interface CollectOptions {
  readonly bundles: Bundles
  /** ms; the call's own time. */
  readonly since?: number
  readonly until?: number
  /** Undefined: real identities. */
  readonly pseudonyms: Pseudonyms | undefined
  readonly now: number
}

type Reason = keyof LeftOut
interface Growing { calls: number; results: number; readonly who: Map<string, number>; readonly masked: Map<string, number>; readonly made: Omit<CorpusRow, 'calls' | 'who' | 'others' | 'results' | 'masked' | 'proof'>; readonly at: { readonly batch: number; readonly index: number; readonly leaf: Uint8Array } }

/** @throws EvidenceError when the record cannot be read */
export function collectCorpus(recording: Recording, options: CollectOptions): CorpusParts {
  using run = new Collection(recording, options)
  return run.all()
}

class Collection implements Disposable {
  readonly #recording: Recording
  readonly #options: CollectOptions
  readonly #engines = new Map<string, Engine | undefined>()
  readonly #bundles: CorpusBundle[] = []
  readonly #decisions = new Map<string, number>()
  /** By what tells calls apart: a row, or why there is none. */
  readonly #rows = new Map<string, Growing | Reason>()
  /** Calls whose outcome is still to come, by `session/seq`. */
  readonly #open = new Map<string, Growing>()
  readonly #leftOut: Record<Reason, number> = { not_opened: 0, no_bundle: 0, not_reproduced: 0, identity: 0 }
  readonly #paths = new Map<Growing, readonly Uint8Array[]>()
  #first = Infinity
  #last = -Infinity
  #calls = 0

  constructor(recording: Recording, options: CollectOptions) {
    this.#recording = recording
    this.#options = options
  }

  [Symbol.dispose](): void { for (const engine of this.#engines.values()) engine?.close() }

  all(): CorpusParts {
    let hashes: Uint8Array[] = []
    let batch = -1
    let fresh: Growing[] = []
    const endBatch = () => {
      if (fresh.length === 0) return
      const tree = hashTree(hashes)
      for (const row of fresh) this.#paths.set(row, tree.path(row.at.index))
    }
    for (const frame of this.#recording.frames()) {
      if (frame.batch !== batch) { endBatch(); hashes = []; fresh = []; batch = frame.batch }
      hashes.push(leafHash(frame.leaf))
      const made = this.#take(frame)
      if (made !== undefined) fresh.push(made)
    }
    endBatch()
    return this.#parts()
  }

  /** @returns the row that this frame is the first of */
  #take(frame: RecordedFrame): Growing | undefined {
    if (frame.kind === kind.outcome) { this.#outcome(frame); return undefined }
    if ((frame.kind !== kind.intent && frame.kind !== kind.refusal) || frame.bundle === undefined || frame.decisionId === undefined) return undefined
    if (frame.time < (this.#options.since ?? -Infinity) || frame.time >= (this.#options.until ?? Infinity)) return undefined
    const { request, decision } = contentsOf(frame)
    const engine = this.#engineOf(frame.bundle)
    const why: Reason | undefined = request === undefined || decision === undefined ? 'not_opened' : engine === undefined ? 'no_bundle' : undefined
    if (why !== undefined || request === undefined || decision === undefined || engine === undefined) { this.#leftOut[why ?? 'not_opened'] += 1; return undefined }
    const input = parseInput(request)
    if (input === undefined) { this.#leftOut.not_reproduced += 1; return undefined }
    const canonical = Buffer.from(decision).toString('utf8')
    const key = hash('sha256', `${frame.bundle}\n${canonical}\n${engine.prune(input)}`, 'base64')
    const known = this.#rows.get(key)
    const row = known ?? this.#make(frame, engine, input, canonical)
    if (known === undefined) this.#rows.set(key, row)
    if (typeof row === 'string') { this.#leftOut[row] += 1; return undefined }
    this.#count(row, frame, input)
    return known === undefined ? row : undefined
  }

  #make(frame: RecordedFrame, engine: Engine, input: object, canonical: string): Growing | Reason {
    const isSame = (asked: object): boolean => Buffer.from(engine.decide(asked).canonical).toString('utf8') === canonical
    if (!isSame(input)) return 'not_reproduced'
    const { pseudonyms } = this.#options
    const told = pseudonyms === undefined ? input : pseudonyms.input(input)
    if (pseudonyms !== undefined && !isSame(told)) return 'identity'
    const salt = (label: number): string => base64(frame.salts.get(label) ?? new Uint8Array(0))
    const decision = this.#decisions.get(canonical) ?? this.#decisions.size
    this.#decisions.set(canonical, decision)
    const bundle = this.#bundles.findIndex(({ digest }) => digest === frame.bundle)
    return {
      calls: 0, results: 0, who: new Map(), masked: new Map(), at: { batch: frame.batch, index: frame.position, leaf: frame.leaf },
      made: { bundle, decision, salts: { decision: salt(8), ...(pseudonyms === undefined ? { request: salt(7) } : {}) }, input: told },
    }
  }

  #count(row: Growing, frame: RecordedFrame, input: object): void {
    const id = (input as { subject?: { id?: unknown } }).subject?.id
    const name = typeof id !== 'string' ? '' : this.#options.pseudonyms?.of(id) ?? id
    row.calls += 1
    row.who.set(name, (row.who.get(name) ?? 0) + 1)
    this.#calls += 1
    this.#first = Math.min(this.#first, frame.time)
    this.#last = Math.max(this.#last, frame.time)
    if (frame.kind === kind.intent) this.#open.set(`${frame.session}/${frame.seq}`, row)
  }

  #outcome(frame: RecordedFrame): void {
    const call = `${frame.session}/${frame.ref}`
    const row = this.#open.get(call)
    const { result } = contentsOf(frame)
    this.#open.delete(call)
    if (row === undefined || result === undefined) return
    row.results += 1
    for (const [id, cells] of Object.entries(maskedOf(result))) row.masked.set(id, (row.masked.get(id) ?? 0) + cells)
  }

  /** Undefined where it is not at hand, or is nothing that this host can load. */
  #engineOf(digest: string): Engine | undefined {
    if (this.#engines.has(digest)) return this.#engines.get(digest)
    const bytes = this.#options.bundles.get(digest)
    let engine: Engine | undefined
    try {
      engine = bytes === undefined ? undefined : openEngine(bytes)
    } catch (cause) {
      if (!(cause instanceof PolicyError)) throw cause
    }
    this.#engines.set(digest, engine)
    if (engine !== undefined) this.#bundles.push({ digest, revision: engine.bundle.revision, serial: engine.bundle.serial, behaviour: engine.behaviour })
    return engine
  }

  #parts(): CorpusParts {
    const rows = [...this.#rows.values()].filter((row) => typeof row !== 'string')
    const used = [...new Set(rows.map(({ at }) => at.batch))].toSorted((a, b) => a - b)
    const lines = new Map(used.map((batch, line) => [batch, line]))
    const { leaves, checkpoint } = this.#recording
    const log = hashTree(leaves.map(leafHash))
    const batches: CorpusBatch[] = used.map((batch) => ({ batch, leaf: base64(leaves[batch] as Uint8Array), hashes: log.path(batch).map(base64) }))
    const iso = (ms: number): string => Number.isFinite(ms) ? new Date(ms).toISOString() : ''
    return {
      header: {
        corpus: 'countersign-replay', v: 1, identities: this.#options.pseudonyms === undefined ? 'real' : 'pseudonymous',
        origin: parseCheckpoint(checkpoint).origin, checkpoint, created: iso(this.#options.now), first: iso(this.#first), last: iso(this.#last),
        bundles: this.#bundles, batches: batches.length, decisions: this.#decisions.size, rows: rows.length, calls: this.#calls, left_out: this.#leftOut,
      },
      batches, decisions: [...this.#decisions.keys()],
      rows: rows.map((row) => this.#written(row, lines.get(row.at.batch) ?? 0)),
    }
  }

  #written(row: Growing, batch: number): CorpusRow {
    const who = [...row.who].toSorted(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, maxWho)
    const { bundle, decision, salts, input } = row.made
    return {
      bundle, decision, calls: row.calls, who, others: row.calls - who.reduce((sum, [, count]) => sum + count, 0),
      results: row.results, masked: Object.fromEntries([...row.masked].toSorted(([a], [b]) => a < b ? -1 : 1)),
      proof: { batch, index: row.at.index, leaf: base64(row.at.leaf), hashes: (this.#paths.get(row) ?? []).map(base64) }, salts, input,
    }
  }
}

function parseInput(bytes: Uint8Array): object | undefined {
  try {
    const input: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    return typeof input === 'object' && input !== null && !Array.isArray(input) ? input : undefined
  } catch {
    return undefined
  }
}

/** FORMAT.md §6, outcome: `masked`, cells by rule. */
function maskedOf(result: Uint8Array): Record<string, number> {
  try {
    const { masked } = JSON.parse(Buffer.from(result).toString('utf8')) as { masked?: unknown }
    if (typeof masked !== 'object' || masked === null) return {}
    return Object.fromEntries(Object.entries(masked).filter(([, cells]) => Number.isSafeInteger(cells) && cells >= 0)) as Record<string, number>
  } catch {
    return {}
  }
}

function base64(bytes: Uint8Array): string { return Buffer.from(bytes).toString('base64') }
