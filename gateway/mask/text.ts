// Masks inside free text: what detectors find, what was masked elsewhere, and `name: value` pairs of named fields, because servers
// print rows as often as they return them.
import { findInMember } from '../sensitive/find.ts'
import type { Member } from '../sensitive/member.ts'
import { maskSpan } from './operation.ts'
import { strongest } from './plan.ts'
import type { MaskPlan, Rule } from './plan.ts'

export interface RuleSpan { readonly start: number; readonly end: number; readonly rule: Rule }

// A name, an optional closing quote (also an escaped one) or bracket (`Key (ssn)=(…)`), then `:`, `=` or `=>`.
const PAIR = /(?<![\w.-])[A-Za-z_][\w.-]{0,63}(?=(?:\\?["']|\))?[ \t]{0,4}(?:=>|[:=])[ \t]{0,4}[^\s])/g
const ASSIGN = /(?:\\?["']|\))?[ \t]{0,4}(?:=>|[:=])[ \t]{0,4}\(?/y
const nothing: readonly never[] = Object.freeze([])

/** Spans in order, none overlapping; where two rules meet the union is masked by the stronger. */
export function findRuleSpans(text: string, member: Member, plan: MaskPlan): readonly RuleSpan[] {
  const found = plan.detected.size > 0 ? findInMember(text, member, plan.detected) : nothing
  const hasPairs = plan.names.size > 0 && (text.includes(':') || text.includes('='))
  if (found.length === 0 && !hasPairs) return nothing
  const spans: RuleSpan[] = []
  for (const { start, end, class: className } of found) {
    const rule = plan.classes.get(className)
    if (rule !== undefined) spans.push({ start, end, rule })
  }
  if (hasPairs) findPairs(text, plan.names, spans)
  return mergeSpans(spans)
}

/** @returns where a list or an object begins that does not end here, or -1 */
function findPairs(text: string, names: MaskPlan['names'], spans: RuleSpan[]): number {
  PAIR.lastIndex = 0
  for (let match = PAIR.exec(text); match !== null; match = PAIR.exec(text)) {
    const rule = names.get(match[0].toLowerCase())
    if (rule === undefined) continue
    ASSIGN.lastIndex = PAIR.lastIndex
    if (!ASSIGN.test(text)) continue
    const [start, end] = valueAt(text, ASSIGN.lastIndex)
    if (end > start) spans.push({ start, end, rule })
    if (end === text.length && bracketEnd(text, start) < 0) return start
    PAIR.lastIndex = Math.max(PAIR.lastIndex, end)
  }
  return -1
}

/** Of a list or an object that a rule names and that begins between `from` and `to`, and does not end there: where it ends. -1: there is none; Infinity: it does not end here. */
export function openValueEnd(text: string, from: number, to: number, { names }: MaskPlan): number {
  if (names.size === 0) return -1
  const start = findPairs(text.slice(from, to), names, [])
  if (start < 0) return -1
  const end = bracketEnd(text, from + start)
  return end < 0 ? Infinity : end
}

/** A quoted value up to its quote, a list or an object up to its end, else everything up to a delimiter or the end of the line. Where no end is found all the rest is the value. */
function valueAt(text: string, at: number): readonly [number, number] {
  const isEscaped = text[at] === '\\'
  const quote = text[isEscaped ? at + 1 : at]
  if (quote === '"' || quote === "'") {
    const start = at + (isEscaped ? 2 : 1)
    for (let end = start; end < text.length; end++) {
      if (text[end] === '\\' && !(isEscaped && text[end + 1] === quote)) end++
      else if (text[end] === quote || (isEscaped && text[end] === '\\')) return [start, end]
    }
    return [start, text.length]
  }
  const close = bracketEnd(text, at)
  if (close !== 0) return [at, close < 0 ? text.length : close]
  let end = at
  while (end < text.length && !/[,;&|\n\r}\])<]/.test(text[end] ?? '')) end++
  while (end > at && /\s/.test(text[end - 1] ?? '')) end--
  return [at, end]
}

/** Behind the bracket that closes the one at `start`; 0: there is none at `start`; -1: it is not closed. Brackets in strings do not count, in either quotes, whatever string all of it stands in. */
function bracketEnd(text: string, start: number): number {
  if (text[start] !== '{' && text[start] !== '[') return 0
  let curly = 0, square = 0
  /** Of the string that is open: its quote, and the backslashes before it, of which a string within strings has 1, 3, 7, … */
  let quote = '', depth = 0
  let backslashes = 0
  for (let at = start; at < text.length; at++) {
    const character = text[at] ?? ''
    if (character === '\\') { backslashes++; continue }
    if (quote === '') {
      if (character === '"' || character === "'") { quote = character; depth = backslashes }
      else if (character === '{') curly++
      else if (character === '[') square++
      else if (character === '}') curly--
      else if (character === ']') square--
      if (curly <= 0 && square <= 0) return at + 1
    } else if (character === quote && backslashes % (2 * (depth + 1)) === depth) quote = ''
    backslashes = 0
  }
  return -1
}

export function mergeSpans(spans: RuleSpan[]): readonly RuleSpan[] {
  if (spans.length < 2) return spans
  spans.sort((a, b) => a.start - b.start || b.end - a.end)
  const merged: RuleSpan[] = []
  for (const span of spans) {
    const last = merged.at(-1)
    if (last === undefined || span.start >= last.end) merged.push(span)
    else merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, span.end), rule: strongest(last.rule, span.rule) }
  }
  return merged
}

export function replaceRuleSpans(text: string, spans: readonly RuleSpan[], plan: MaskPlan, count: (rule: Rule) => void): string {
  let replaced = ''
  let at = 0
  for (const { start, end, rule } of spans) {
    replaced += text.slice(at, start) + maskSpan(text.slice(start, end), rule, plan.tokens)
    at = end
    count(rule)
  }
  return replaced + text.slice(at)
}
