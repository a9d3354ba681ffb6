// Outcomes and chunks: what came back, masked and on record before the caller sees it.
// `content` of a part never holds what masking removed; of opaque bytes the record keeps count and a salted digest.
import { createHash, hash } from 'node:crypto'
import { EvidenceError, frameKind } from '../../evidence/index.ts'
import type { Durability, FrameContent, Recorder } from '../../evidence/index.ts'
import type { MaskedPart, Operation, Permit, RecordedPart } from '../call.ts'
import { RefusalError, refusal } from '../refusal.ts'
import { Salts } from './salts.ts'
import type { Session } from './sessions.ts'

type Level = Permit['call']['decision']['record']['level']

/** FORMAT.md §4, kind 5. */
const outcomeStructure = { delivered: new Map([[1, 0]]), failed: new Map([[1, 1]]), ambiguous: new Map([[1, 2]]), cancelled: new Map([[1, 3]]) } as const

/** What earlier chunks of a call add up to; held from the first chunk to the outcome. */
interface Progress { chunks: number; bytes: number; rows: number | undefined; readonly salt: Uint8Array; readonly digest: ReturnType<typeof createHash>; readonly masked: Map<string, number> }

export class Outcomes {
  readonly #recorder: Recorder
  readonly #now: () => number
  readonly #onAmbiguous: (target: string, session: Session, seq: number) => void
  /** Owned here: one entry per call that has had a chunk and no outcome yet. */
  readonly #progress = new Map<Permit, Progress>()
  /** Calls that nothing more may be added to: what became of them is told as ambiguous. */
  readonly #ambiguous = new WeakSet<Permit>()
  readonly #salts = new Salts()

  constructor(recorder: Recorder, now: () => number, onAmbiguous: (target: string, session: Session, seq: number) => void) {
    this.#recorder = recorder
    this.#now = now
    this.#onAmbiguous = onAmbiguous
  }

  /** @throws RefusalError `record.ambiguous`: the upstream may have acted, its result is withheld; `policy.limit`: none of these parts is on record */
  async deliver(session: Session, parts: readonly (readonly [Permit, MaskedPart])[]): Promise<RecordedPart[]> {
    for (const [permit] of parts) if (this.#ambiguous.has(permit)) throw ambiguous(permit)
    this.#keepLimits(parts)
    const recorded: RecordedPart[] = []
    const durability = parts.some(([permit]) => permit.call.durability === 'strict') ? 'strict' : 'bounded'
    try {
      for (const [permit, part] of parts) {
        const { seq } = session.writer.append(part.summary.isFinal ? this.#outcome(permit, part) : this.#chunk(permit, part))
        recorded.push({ bytes: part.bytes, seq })
      }
      await this.#recorder.commit(durability)
    } catch (error) {
      if (!(error instanceof EvidenceError)) throw error
      await this.#deliverBare(session, parts, recorded, durability, error)
    }
    for (const [permit, part] of parts) if (part.summary.isFinal) this.#end(session, permit)
    return recorded
  }

  /** A protocol stops at a limit; if it did not, its parts go no further. Before any is appended: half of them on record would leave calls without an end. */
  #keepLimits(parts: readonly (readonly [Permit, MaskedPart])[]): void {
    let sums: Map<Permit, { readonly bytes: number; readonly rows: number }> | undefined
    for (const [permit, { bytes: { length }, summary }] of parts) {
      const { bytes, rows } = permit.call.decision.limits
      if (bytes === undefined && rows === undefined) continue
      const before = sums?.get(permit) ?? this.#progress.get(permit)
      // A last part may be the gateway's own words.
      const sum = { bytes: (before?.bytes ?? 0) + (summary.isFinal ? 0 : length), rows: (before?.rows ?? 0) + (summary.rows ?? 0) }
      if (parts.length > 1) (sums ??= new Map()).set(permit, sum)
      if (sum.bytes > (bytes ?? Infinity)) throw new RefusalError(refusal('policy.limit', 'The result is longer than policy allows', { decisionId: hex(permit) }))
      if (sum.rows > (rows ?? Infinity)) throw new RefusalError(refusal('policy.limit', 'The result has more rows than policy allows', { decisionId: hex(permit) }))
    }
  }

  /**
   * There is no room for contents, but each intent reserved some for an outcome without: the caller gets its result, the record its count and digest.
   * @throws RefusalError `record.ambiguous` when not even that can be written, or a part is one of several of its call
   */
  async #deliverBare(session: Session, parts: readonly (readonly [Permit, MaskedPart])[], recorded: RecordedPart[], durability: Durability, cause: EvidenceError): Promise<void> {
    try {
      if (new Set(parts.map(([permit]) => permit)).size < parts.length || !parts.every(([, part]) => part.summary.isFinal)) throw cause
      for (const [index, [permit, part]] of parts.entries()) {
        if (!session.writer.hasOpenIntent(permit.seq)) continue      // its outcome was written before the room ran out
        const { seq } = session.writer.append(this.#outcome(permit, part, 'digest'))
        recorded[index] = { bytes: part.bytes, seq }
      }
      await this.#recorder.commit(durability)
    } catch (error) {
      if (!(error instanceof EvidenceError)) throw error
      for (const [permit] of parts) this.#giveUp(session, permit)
      throw ambiguous(parts[0]?.[0], error)
    }
  }

  /** The upstream may have acted, and nothing says so on record: the target takes no calls until something does. */
  #giveUp(session: Session, permit: Permit): void {
    if (this.#ambiguous.has(permit)) return
    this.#ambiguous.add(permit)
    this.#onAmbiguous(session.target, session, permit.seq)
    this.#end(session, permit)
  }

  #end(session: Session, permit: Permit): void {
    this.#progress.delete(permit)
    session.end()
  }

  /** Later bytes of a request: count on record before they go upstream. @throws RefusalError `record.ambiguous`: some of them may have gone */
  async upload(session: Session, permit: Permit, bytes: Uint8Array, isLast: boolean): Promise<RecordedPart> {
    if (this.#ambiguous.has(permit)) throw ambiguous(permit)
    try {
      const { seq } = session.writer.append({ kind: frameKind.requestChunk, time: this.#now(), ref: permit.seq, structure: new Map([[1, bytes.length], [2, isLast ? 1 : 0]]) })
      await this.#recorder.commit(permit.call.durability)
      return { bytes, seq }
    } catch (error) {
      if (!(error instanceof EvidenceError)) throw error
      this.#giveUp(session, permit)
      throw ambiguous(permit, error)
    }
  }

  #chunk(permit: Permit, part: MaskedPart): FrameContent {
    const progress = this.#progressOf(permit)
    progress.chunks++
    progress.rows = rowsWith(part, progress)
    progress.bytes += part.bytes.length
    for (const [rule, cells] of part.masked) progress.masked.set(rule, (progress.masked.get(rule) ?? 0) + cells)
    const isKept = part.form !== 'opaque' && permit.call.decision.record.level === 'body'
    if (!isKept) progress.digest.update(part.content)
    return { kind: frameKind.resultChunk, time: this.#now(), ref: permit.seq, structure: new Map([[1, part.bytes.length], [2, 0]]), ...(isKept ? { result: part.content } : {}) }
  }

  #outcome(permit: Permit, part: MaskedPart, level = permit.call.decision.record.level): FrameContent {
    const progress = this.#progress.get(permit)
    const { summary } = part
    return {
      kind: frameKind.outcome, time: this.#now(), ref: permit.seq,
      result: resultContent(part, progress, level, this.#salts),
      structure: outcomeStructure[summary.status],
    }
  }

  #progressOf(permit: Permit): Progress {
    let progress = this.#progress.get(permit)
    if (progress === undefined) {
      const salt = this.#salts.next()
      progress = { chunks: 0, bytes: 0, rows: undefined, salt, digest: createHash('sha256').update(salt), masked: new Map() }
      this.#progress.set(permit, progress)
    }
    return progress
  }
}

/** Rows up to and with this part; undefined while none has spoken of rows. */
function rowsWith({ summary: { rows } }: MaskedPart, progress: Progress | undefined): number | undefined {
  return rows === undefined ? progress?.rows : rows + (progress?.rows ?? 0)
}

/** FORMAT.md §6, outcome: the masked JSON goes in as it is, without a second parse. */
function resultContent(part: MaskedPart, progress: Progress | undefined, level: Level, salts: Salts): Uint8Array | string {
  const { summary, content, form } = part
  const rows = rowsWith(part, progress)
  const masked = progress === undefined ? part.masked : addUp(progress.masked, part.masked)
  let head = `{"title":${JSON.stringify(summary.title)},"status":"${summary.status}","bytes":${part.bytes.length + (progress?.bytes ?? 0)}`
  if (rows !== undefined) head += `,"rows":${rows}`
  if (masked.size > 0) head += `,"masked":${countsText(masked)}`
  if (summary.code !== undefined) head += `,"code":${JSON.stringify(summary.code)}`
  if (progress !== undefined) head += `,"chunks":${progress.chunks}`
  if (level === 'body' && form === 'json' && content.length > 0) return around(`${head},"json":`, content, '}')
  if (level === 'body' && form === 'text') return `${head},"text":${JSON.stringify(Buffer.from(content.buffer, content.byteOffset, content.length).toString())}}`
  if (level === 'meta') return `${head}}`
  const salt = progress?.salt ?? salts.next()
  const sha256 = progress === undefined ? hash('sha256', Buffer.concat([salt, content]), 'base64url') : progress.digest.copy().update(content).digest('base64url')
  return `${head},"digest":{"salt":"${Buffer.from(salt.buffer, salt.byteOffset, salt.length).toString('base64url')}","sha256":"${sha256}"}}`
}

function addUp(earlier: ReadonlyMap<string, number>, last: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const sum = new Map(earlier)
  for (const [rule, cells] of last) sum.set(rule, (sum.get(rule) ?? 0) + cells)
  return sum
}

/** As an object's members, in the order of `masked`. */
function countsText(masked: ReadonlyMap<string, number>): string {
  let text = ''
  for (const [rule, cells] of masked) {
    // Such names stand first in an object, wherever they were set.
    if (isIndex.test(rule)) return JSON.stringify(Object.fromEntries(masked))
    text += `${text === '' ? '' : ','}${JSON.stringify(rule)}:${cells}`
  }
  return `{${text}}`
}

const isIndex = /^[0-9]+$/

function around(before: string, content: Uint8Array, after: string): Uint8Array {
  const start = Buffer.byteLength(before)
  const bytes = Buffer.allocUnsafe(start + content.length + after.length)
  bytes.write(before)
  bytes.set(content, start)
  bytes.write(after, start + content.length)
  return bytes
}

function ambiguous(permit: Permit | undefined, cause?: EvidenceError): RefusalError {
  return new RefusalError(refusal('record.ambiguous', undefined, { decisionId: hex(permit) }), cause)
}

function hex(permit: Permit<Operation> | undefined): string {
  return permit === undefined ? '' : Buffer.from(permit.call.decisionId).toString('hex')
}
