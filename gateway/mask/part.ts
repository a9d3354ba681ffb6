// The only maker of masked parts: what leaves here has been masked by a plan, or the plan was empty.
import { MaskedPart } from '../call.ts'
import type { Json, PartSummary } from '../call.ts'
import { refusal, RefusalError } from '../refusal.ts'
import { Masker } from './apply.ts'
import type { Frame } from './frame.ts'
import type { MaskPlan } from './plan.ts'
import { fieldNode } from '../sensitive/catalogue.ts'
import { parseJson } from './strict-json.ts'

const issue = MaskedPart.takeIssuer()
const nothing: ReadonlyMap<string, number> = new Map()

/** What the wire puts around the content: an SSE event is `before`, each line of the content behind `linePrefix`, `after`. Of the protocol's own making. */
export interface Framing { readonly before: string; readonly linePrefix: string; readonly after: string }

/**
 * Masks a JSON document. Where nothing matched, the bytes are the ones that came in.
 * @param document bytes as the upstream sent them, or a value that the protocol changed
 * @param options.parsed what `parseJson` made of those bytes, where the protocol has read them already
 * @throws RefusalError `mask.failed` when there is something to mask and the bytes are not strict JSON
 */
export function maskJson(document: Uint8Array | Json, plan: MaskPlan, summary: PartSummary, options: { readonly frame?: Frame; readonly framing?: Framing; readonly parsed?: Json } = {}): MaskedPart {
  const isBytes = document instanceof Uint8Array
  if (plan.isEmpty) return part(isBytes ? document : encode(document), 'json', summary, nothing, options.framing)
  const before = isBytes ? options.parsed ?? parseResult(document, plan) : document
  const masker = new Masker(plan)
  const after = masker.document(before, options.frame)
  return part(isBytes && after === before ? document : encode(after), 'json', summary, masker.counts, options.framing)
}

/** Masks free text: error messages, text bodies. @throws RefusalError `mask.failed` when the bytes are not UTF-8 */
export function maskText(text: Uint8Array | string, plan: MaskPlan, summary: PartSummary, options: { readonly framing?: Framing } = {}): MaskedPart {
  if (plan.isEmpty) return part(typeof text === 'string' ? Buffer.from(text) : text, 'text', summary, nothing, options.framing)
  const before = typeof text === 'string' ? text : decodeText(text)
  const masker = new Masker(plan)
  const after = masker.document(before)
  const masked = typeof after === 'string' ? after : ''
  return part(masked === before && typeof text !== 'string' ? text : Buffer.from(masked), 'text', summary, masker.counts, options.framing)
}

/**
 * Whether a short text that is not content (an event's id, a cursor) may pass as it is: masks would find nothing in it.
 * @param except a class that does not count
 */
export function isClean(text: string, plan: MaskPlan, except?: string): boolean {
  if (plan.isEmpty) return true
  const counted = except === undefined || !plan.detected.has(except) ? plan : { ...plan, detected: new Set([...plan.detected].filter((name) => name !== except)) }
  return new Masker(counted).document(text) === text
}

/** Masks what detectors find, whatever the members are called; a value in which nothing matched comes back as the same object. */
export function maskByClasses(value: Json, plan: MaskPlan): Json {
  return plan.isEmpty ? value : new Masker({ ...plan, names: new Map(), root: fieldNode() } satisfies MaskPlan).document(value)
}

/** Passes bytes that nobody parsed. @throws RefusalError `mask.unenforceable` when the plan has a mask */
export function passOpaque(bytes: Uint8Array, plan: MaskPlan, summary: PartSummary): MaskedPart {
  if (!plan.isEmpty) throw new RefusalError(refusal('mask.unenforceable'))
  return issue(bytes, bytes, 'opaque', summary, nothing)
}

/** For `stream.ts`: bytes that a stream masker has released. */
export function streamed(bytes: Uint8Array, form: MaskedPart['form'], summary: PartSummary, masked: ReadonlyMap<string, number>): MaskedPart {
  return issue(bytes, bytes, form, summary, masked)
}

/** For `cells.ts`: rows whose cells it has masked or found nothing in, and what the record keeps of them. */
export function rowsPart(bytes: Uint8Array, content: Uint8Array, form: MaskedPart['form'], summary: PartSummary, masked: ReadonlyMap<string, number>): MaskedPart {
  return issue(bytes, content, form, summary, masked)
}

/** @throws RefusalError `mask.failed` */
export function parseResult(bytes: Uint8Array, plan: MaskPlan): Json {
  try {
    return parseJson(bytes, { ...plan.limits, inexact: 'keep' })
  } catch (cause) {
    throw new RefusalError(refusal('mask.failed', 'The result is not strict JSON, so it could not be masked'), cause)
  }
}

function decodeText(bytes: Uint8Array): string {
  try {
    return whole(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (cause) {
    throw new RefusalError(refusal('mask.failed', 'The result is not UTF-8, so it could not be masked'), cause)
  }
}

/** UTF-16 without a byte order mark is UTF-8 with a NUL beside each letter: no detector would see a number in it. @throws TypeError */
export function whole(text: string): string {
  if (text.includes('\0')) throw new TypeError('text with NUL')
  return text
}

function encode(value: Json): Uint8Array {
  return Buffer.from(JSON.stringify(value))
}

function part(content: Uint8Array, form: MaskedPart['form'], summary: PartSummary, masked: ReadonlyMap<string, number>, framing: Framing | undefined): MaskedPart {
  if (framing === undefined) return issue(content, content, form, summary, masked)
  const text = Buffer.from(content.buffer, content.byteOffset, content.length).toString('utf8')
  const lines = text.includes('\n') || text.includes('\r') ? text.split(/\r\n|\r|\n/).join(`\n${framing.linePrefix}`) : text
  return issue(Buffer.from(`${framing.before}${framing.linePrefix}${lines}${framing.after}`), content, form, summary, masked)
}
