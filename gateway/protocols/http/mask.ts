// What of an HTTP answer is masked, and how it is cut: JSON as a whole, events and lines one by one, anything else not at all.
import type { MaskedPart, PartSummary, Permit } from '../../call.ts'
import { createStreamMasker, isClean, JsonError, maskJson, maskText, parseJson, passOpaque, splitPart, type Masking, type MaskPlan } from '../../mask/index.ts'
import type { Answer, ServerEvent } from '../../protocol.ts'
import { refusal, RefusalError, type Refusal } from '../../refusal.ts'
import { mediaType, type HttpOperation } from './messages.ts'
import { problem } from './refuse.ts'

type Whole = Extract<Answer, { kind: 'whole' }>
type Streamed = Exclude<Answer, { kind: 'whole' }>

const nothing = new Uint8Array(0)
/** For bytes the gateway itself wrote. */
const noMasks = { mask: [] } as const

export function planOf(permit: Permit<HttpOperation>, masking: Masking): MaskPlan {
  return masking.planFor(permit.call.decision, permit.call.operation.entry)
}

/** A whole answer as parts in order, the last of them final. @throws RefusalError `mask.*`, `upstream.broken` */
export function maskWhole(answer: Whole, plan: MaskPlan): readonly MaskedPart[] {
  const summary: PartSummary = { title: String(answer.status), status: 'delivered', isFinal: true }
  const { type, charset } = mediaType(answer.headers['content-type'])
  if (answer.bytes.length === 0) return [maskText(nothing, plan, summary)]
  if (!isJson(type) || !readCharsets.has(charset)) return splitPart(passOpaque(answer.bytes, plan, summary))
  // Read even when nothing is to be masked: garbage must not be recorded as JSON.
  return splitPart(maskJson(answer.bytes, plan, summary, { parsed: readJson(answer.bytes, plan) }))
}

function readJson(bytes: Uint8Array, plan: MaskPlan): ReturnType<typeof parseJson> {
  try {
    return parseJson(bytes, { ...plan.limits, inexact: 'keep' })
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause
    throw new RefusalError(refusal('upstream.broken', `The upstream's JSON cannot be read: ${cause.message}`), cause)
  }
}

export function isJson(type: string): boolean {
  return type === 'application/json' || (type.endsWith('+json') && type !== 'application/stream+json')
}

/** The parts of a streamed answer, one read at a time. Made before the answer's head goes out: what cannot be masked is a refusal with a status of its own. */
export class Pieces {
  readonly #read: () => Promise<readonly MaskedPart[] | null>
  readonly #end: (summary: PartSummary) => MaskedPart
  readonly #title: string
  #hasEnded = false

  /** @throws RefusalError `mask.unenforceable` */
  constructor(answer: Streamed, plan: MaskPlan) {
    this.#title = String(answer.status)
    const chunk: PartSummary = { title: this.#title, status: 'delivered', isFinal: false }
    const form = formOf(answer.headers['content-type'], plan)
    this.#end = (summary) => maskText(nothing, plan, summary)
    if (answer.kind === 'events') {
      this.#read = async () => (await answer.source.read())?.flatMap((event) => splitPart(maskEvent(event, plan, chunk))) ?? null
    } else if (form === undefined) {
      passOpaque(nothing, plan, chunk)
      this.#read = async () => {
        const bytes = await answer.source.read()
        return bytes === null ? null : [passOpaque(bytes, plan, chunk)]
      }
    } else {
      const masker = createStreamMasker(plan, form)
      this.#end = (summary) => masker.end(summary)
      this.#read = async () => {
        const bytes = await answer.source.read()
        if (bytes === null) return null
        const part = masker.push(bytes, chunk)
        return part === undefined ? [] : splitPart(part)
      }
    }
  }

  /** What the next read brings, perhaps nothing yet; the last part is final, and after it comes undefined. @throws RefusalError `upstream.*`, `mask.failed` */
  async next(): Promise<readonly MaskedPart[] | undefined> {
    if (this.#hasEnded) return undefined
    const parts = await this.#read()
    if (parts !== null) return parts
    this.#hasEnded = true
    return [this.#end({ title: this.#title, status: 'delivered', isFinal: true })]
  }
}

/** Masks read UTF-8, and the caller is told so; what was written in another code (UTF-16, UTF-7) would be another text to the caller. */
const readCharsets = new Set(['utf-8', 'utf8', 'us-ascii', 'iso-8859-1', 'windows-1252'])

/** In which form masks can read it; undefined: in none. */
function formOf(contentType: string | string[] | undefined, plan: MaskPlan): 'text' | 'ndjson' | undefined {
  const { type, charset } = mediaType(contentType)
  if (!readCharsets.has(charset) && !plan.isEmpty) return undefined
  if (type === 'application/x-ndjson' || type === 'application/jsonl' || type === 'application/stream+json') return 'ndjson'
  // A table or a tree in text form has named fields that a walk over lines cannot follow.
  const isProse = type === 'text/plain' || type === 'text/markdown'
  return type.startsWith('text/') && (isProse || (plan.names.size === 0 && plan.root.any === undefined && plan.root.children.size === 0)) ? 'text' : undefined
}

/** One event as one part. A comment keeps the connection alive; its text goes no further. */
function maskEvent(event: ServerEvent, plan: MaskPlan, summary: PartSummary): MaskedPart {
  if (event.comment !== undefined) return maskText('', plan, summary, { framing: { before: ':', linePrefix: '', after: '\n\n' } })
  const before = `${field('event', event.event, plan)}${field('id', event.id, plan)}${field('retry', event.retry, plan)}`
  return maskText(event.data ?? '', plan, summary, { framing: { before, linePrefix: event.data === undefined ? '' : 'data: ', after: event.data === undefined ? '\n' : '\n\n' } })
}

/** A name or id that holds what is to be masked has no masked form that means anything: it is left out. */
function field(name: string, value: string | undefined, plan: MaskPlan): string {
  return value === undefined || !isClean(value, plan) ? '' : `${name}: ${value}\n`
}

/** Bytes nobody parsed. @throws RefusalError `mask.unenforceable` */
export function opaquePart(bytes: Uint8Array, plan: MaskPlan): MaskedPart {
  return passOpaque(bytes, plan, { title: 'bytes', status: 'delivered', isFinal: false })
}

export function endPart(title: string, masking: Masking): MaskedPart {
  return passOpaque(nothing, masking.planFor(noMasks, undefined), { title, status: 'delivered', isFinal: true })
}

/** The outcome of a call that brought no result: our own words about it, never the upstream's. */
export function failedPart(refused: Refusal, isCancelled: boolean, masking: Masking): MaskedPart {
  const summary: PartSummary = { title: refused.message, status: isCancelled ? 'cancelled' : 'failed', isFinal: true, code: refused.code }
  return maskJson(isCancelled ? Buffer.from('null') : problem(refused), masking.planFor(noMasks, undefined), summary)
}
