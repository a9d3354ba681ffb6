// Masks text that arrives in chunks. What could still become part of a match is held back, and only more text or the end releases
// it, never time. A unit is a line, a private key from its BEGIN to its END line, or the lines of a list or an object that a rule names; units do
// not depend on how bytes were split.
import type { MaskedPart, PartSummary } from '../call.ts'
import { refusal, RefusalError } from '../refusal.ts'
import { CONTEXT_CHARS } from '../sensitive/context.ts'
import { Masker } from './apply.ts'
import { JsonError } from './json-error.ts'
import { parseResult, streamed, whole } from './part.ts'
import type { MaskPlan } from './plan.ts'
import { parseJsonText } from './strict-json.ts'
import { openValueEnd } from './text.ts'

/** A line may be this long; then it is cut between two words, and refused where there are none. */
const MAX_UNIT_CHARS = 65_536
/** Both neighbours are letters, so no number, key or address spans the cut. */
const SAFE_CUT = /(?<=[A-Za-z][,;.!?] )(?=[A-Za-z])/g
/** How JSON begins, on one line or on many. */
const TREE_START = /^\s*(?:\{\s*["}]|\[\s*[[{"]|[[{]\s*$)/
const KEY_BEGIN = '-----BEGIN '
const KEY_END = '-----END '

export interface StreamMasker {
  /** What may go out now; undefined while everything is held. @throws RefusalError `mask.failed` */
  push(bytes: Uint8Array, summary: PartSummary): MaskedPart | undefined
  /** The rest. Call it on failure, too: held text is masked like any other. @throws RefusalError `mask.failed` */
  end(summary: PartSummary): MaskedPart
}

export function createStreamMasker(plan: MaskPlan, form: 'text' | 'ndjson'): StreamMasker {
  if (plan.isEmpty) return { push: (bytes, summary) => streamed(bytes, 'text', summary, new Map()), end: (summary) => streamed(new Uint8Array(0), 'text', summary, new Map()) }
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const masker = new Masker(plan)
  let held = ''
  /** The last characters that went out, unmasked: context for what follows. */
  let before = ''

  const mask = (unit: string): string => {
    if (form === 'ndjson') return maskLine(unit)
    const masked = TREE_START.test(unit) ? maskTree(unit) : masker.text(unit, before)
    before = (before + unit).slice(-CONTEXT_CHARS)
    return masked
  }
  /** JSON under a type that says text: what stands where, and in which escapes, is known by parsing only. */
  const maskTree = (unit: string): string => {
    const text = unit.trimEnd()
    let value
    try {
      value = parseJsonText(text, { ...plan.limits, inexact: 'keep' })
    } catch (cause) {
      if (!(cause instanceof JsonError)) throw cause
      if (plan.hasPointers) throw new RefusalError(refusal('mask.failed', 'The text is JSON in part, so that declared fields of it cannot be found'), cause)
      return masker.text(unit, before)
    }
    const after = masker.document(value)
    return after === value ? unit : JSON.stringify(after) + unit.slice(text.length)
  }
  const maskLine = (line: string): string => {
    if (line.trim() === '') return line
    const value = parseResult(Buffer.from(line), plan)
    const after = masker.document(value)
    return after === value ? line : `${JSON.stringify(after)}${/\r?\n$/.exec(line)?.[0] ?? ''}`
  }
  const decode = (bytes?: Uint8Array): string => {
    try {
      return whole(bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true }))
    } catch (cause) {
      throw new RefusalError(refusal('mask.failed', 'The stream is not UTF-8, so it could not be masked'), cause)
    }
  }
  const take = (text: string, isLast: boolean): string => {
    held += text
    let released = ''
    let at = 0
    // Nothing ends without the end of a line but what is too long: the same text is not looked at again for each byte that comes.
    const mayEnd = isLast || held.length > MAX_UNIT_CHARS || text.includes('\n')
    for (let end = mayEnd ? unitEnd(held, at, form, plan) : at; end > at; end = unitEnd(held, at, form, plan)) {
      released += mask(held.slice(at, end))
      at = end
    }
    if (isLast && at < held.length) {
      released += mask(held.slice(at))
      at = held.length
    }
    held = held.slice(at)
    return released
  }
  const part = (text: string, summary: PartSummary): MaskedPart => {
    const counts = new Map(masker.counts)
    masker.counts.clear()
    return streamed(Buffer.from(text), 'text', summary, counts)
  }
  return {
    push(bytes, summary) {
      const released = take(decode(bytes), false)
      return released === '' ? undefined : part(released, summary)
    },
    end: (summary) => part(take(decode(), true), summary),
  }
}

/** Offset behind the unit that starts at `at`, or `at` while it is not complete. */
function unitEnd(held: string, at: number, form: 'text' | 'ndjson', plan: MaskPlan): number {
  const newline = held.indexOf('\n', at)
  const end = newline < 0 ? -1 : newline + 1
  if (form === 'ndjson') {
    if (end < 0 && held.length - at > MAX_UNIT_CHARS * 16) throw tooLong()
    return end < 0 ? at : end
  }
  const key = held.indexOf(KEY_BEGIN, at)
  if (key >= 0 && (end < 0 || key < end)) {
    const close = held.indexOf(KEY_END, key)
    const closed = close < 0 ? -1 : held.indexOf('\n', close)
    if (closed >= 0) return closed + 1
    if (held.length - at > MAX_UNIT_CHARS) throw tooLong()
    return at
  }
  if (end > 0 && end - at <= MAX_UNIT_CHARS) return valueEnd(held, at, end, plan)
  if (held.length - at <= MAX_UNIT_CHARS) return at
  return at + lastSafeCut(held.slice(at, at + MAX_UNIT_CHARS))
}

/** `end`, or behind the line in which the last value of this one ends. */
function valueEnd(held: string, at: number, end: number, plan: MaskPlan): number {
  let last = end
  for (let close = openValueEnd(held, at, last, plan); close >= 0; close = openValueEnd(held, at, last, plan)) {
    const newline = close === Infinity ? -1 : held.indexOf('\n', close)
    if ((newline < 0 ? held.length : newline) - at > MAX_UNIT_CHARS) throw tooLong()
    if (newline < 0) return at
    last = newline + 1
  }
  return last
}

function lastSafeCut(text: string): number {
  let cut = 0
  for (const match of text.matchAll(SAFE_CUT)) cut = match.index
  if (cut === 0) throw tooLong()
  return cut
}

function tooLong(): RefusalError {
  return new RefusalError(refusal('mask.failed', 'The stream has a line that is too long to be masked'))
}
