// Outcomes and chunks: what came back, masked and on record before the caller sees it.
// `content` of a part never holds what masking removed; of opaque bytes the record keeps count and a salted digest.
import { createHash, randomBytes } from 'node:crypto'
import { EvidenceError, frameKind } from '../../evidence/index.ts'
import type { FrameContent, Recorder } from '../../evidence/index.ts'
import type { MaskedPart, Operation, Permit, RecordedPart } from '../call.ts'
import { RefusalError, refusal } from '../refusal.ts'
import type { Session } from './sessions.ts'

const outcomeStatus = { delivered: 0, failed: 1, ambiguous: 2, cancelled: 3 } as const

/** What earlier chunks of a call add up to; held from the first chunk to the outcome. */
interface Progress { chunks: number; bytes: number; readonly salt: Uint8Array; readonly digest: ReturnType<typeof createHash>; readonly masked: Map<string, number> }

export class Outcomes {
  readonly #recorder: Recorder
  readonly #now: () => number
  readonly #onAmbiguous: (target: string, session: Session, seq: number) => void
  /** Owned here: one entry per call that has had a chunk and no outcome yet. */
  readonly #progress = new Map<Permit, Progress>()

  constructor(recorder: Recorder, now: () => number, onAmbiguous: (target: string, session: Session, seq: number) => void) {
    this.#recorder = recorder
    this.#now = now
    this.#onAmbiguous = onAmbiguous
  }

  /** @throws RefusalError `record.ambiguous`: the upstream may have acted, its result is withheld */
  async deliver(session: Session, parts: readonly (readonly [Permit, MaskedPart])[]): Promise<RecordedPart[]> {
    const recorded: RecordedPart[] = []
    let durability: 'strict' | 'bounded' = 'bounded'
    try {
      for (const [permit, part] of parts) {
        if (permit.call.durability === 'strict') durability = 'strict'
        const { seq } = session.writer.append(part.summary.isFinal ? this.#outcome(permit, part) : this.#chunk(permit, part))
        recorded.push({ bytes: part.bytes, seq })
      }
      await this.#recorder.commit(durability)
    } catch (error) {
      if (!(error instanceof EvidenceError)) throw error
      for (const [permit] of parts) this.#onAmbiguous(session.target, session, permit.seq)
      throw new RefusalError(refusal('record.ambiguous', undefined, { decisionId: hex(parts[0]?.[0]) }), error)
    } finally {
      for (const [permit, part] of parts) if (part.summary.isFinal) { this.#progress.delete(permit); session.end() }
    }
    return recorded
  }

  /** Later bytes of a request: count on record before they go upstream. */
  async upload(session: Session, permit: Permit, bytes: Uint8Array, isLast: boolean): Promise<RecordedPart> {
    const { seq } = session.writer.append({ kind: frameKind.requestChunk, time: this.#now(), ref: permit.seq, structure: new Map([[1, bytes.length], [2, isLast ? 1 : 0]]) })
    await this.#recorder.commit(permit.call.durability)
    return { bytes, seq }
  }

  #chunk(permit: Permit, part: MaskedPart): FrameContent {
    const progress = this.#progressOf(permit)
    const { bytes = Infinity } = permit.call.decision.limits
    if (progress.bytes + part.bytes.length > bytes) throw new RefusalError(refusal('policy.limit', 'The result is longer than policy allows', { decisionId: hex(permit) }))
    progress.chunks++
    progress.bytes += part.bytes.length
    for (const [rule, cells] of part.masked) progress.masked.set(rule, (progress.masked.get(rule) ?? 0) + cells)
    const isKept = part.form !== 'opaque' && permit.call.decision.record.level === 'body'
    if (!isKept) progress.digest.update(part.content)
    return { kind: frameKind.resultChunk, time: this.#now(), ref: permit.seq, structure: new Map([[1, part.bytes.length], [2, 0]]), ...(isKept ? { result: part.content } : {}) }
  }

  #outcome(permit: Permit, part: MaskedPart): FrameContent {
    const progress = this.#progress.get(permit)
    const { summary } = part
    return {
      kind: frameKind.outcome, time: this.#now(), ref: permit.seq,
      result: resultContent(permit, part, progress),
      structure: new Map([[1, outcomeStatus[summary.status]]]),
    }
  }

  #progressOf(permit: Permit): Progress {
    let progress = this.#progress.get(permit)
    if (progress === undefined) {
      const salt = randomBytes(16)
      progress = { chunks: 0, bytes: 0, salt, digest: createHash('sha256').update(salt), masked: new Map() }
      this.#progress.set(permit, progress)
    }
    return progress
  }
}

/** FORMAT.md §6, outcome: the masked JSON goes in as it is, without a second parse. */
function resultContent(permit: Permit, part: MaskedPart, progress: Progress | undefined): Uint8Array {
  const { summary } = part
  const masked = new Map(progress?.masked)
  for (const [rule, cells] of part.masked) masked.set(rule, (masked.get(rule) ?? 0) + cells)
  const head: Record<string, unknown> = { title: summary.title, status: summary.status, bytes: part.bytes.length + (progress?.bytes ?? 0) }
  if (masked.size > 0) head['masked'] = Object.fromEntries(masked)
  if (summary.code !== undefined) head['code'] = summary.code
  if (progress !== undefined) head['chunks'] = progress.chunks
  const level = permit.call.decision.record.level
  if (level === 'body' && part.form === 'json' && part.content.length > 0) {
    const text = JSON.stringify(head)
    return Buffer.concat([Buffer.from(`${text.slice(0, -1)},"json":`), part.content, closingBrace])
  }
  if (level === 'body' && part.form === 'text') head['text'] = Buffer.from(part.content).toString('utf8')
  else if (level !== 'meta') {
    const salt = progress?.salt ?? randomBytes(16)
    const digest = progress?.digest ?? createHash('sha256').update(salt)
    head['digest'] = { salt: Buffer.from(salt).toString('base64url'), sha256: digest.update(part.content).digest('base64url') }
  }
  return Buffer.from(JSON.stringify(head))
}

const closingBrace = Buffer.from('}')

function hex(permit: Permit<Operation> | undefined): string {
  return permit === undefined ? '' : Buffer.from(permit.call.decisionId).toString('hex')
}
