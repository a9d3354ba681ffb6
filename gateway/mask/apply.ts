// Masks one JSON document. First pass: named fields, then detectors; second pass: every other copy of what was masked.
// Copies only what changes; a document in which nothing matched comes back as the same object.
import type { Json } from '../call.ts'
import { refusal, RefusalError } from '../refusal.ts'
import type { FieldNodes } from '../sensitive/catalogue.ts'
import { stepInto } from '../sensitive/catalogue.ts'
import { noMember } from '../sensitive/names.ts'
import type { KnownMember } from '../sensitive/names.ts'
import { decodeText } from './encoded.ts'
import { frameMark, stepFrame, wholeDocument } from './frame.ts'
import type { Frame, FrameNodes } from './frame.ts'
import { dropped, maskValue, numberText } from './operation.ts'
import { strongest } from './plan.ts'
import type { MaskPlan, Rule } from './plan.ts'
import { JsonError } from './json-error.ts'
import { isRawJson, parseJsonText } from './strict-json.ts'
import { findRuleSpans, mergeSpans, replaceRuleSpans } from './text.ts'
import type { RuleSpan } from './text.ts'
import { Twins } from './twin.ts'

/** JSON inside a string inside JSON …; deeper is refused, not passed. */
const MAX_EMBEDDED = 8
const MIN_NUMBER = 1_000

type Masked = Json | typeof dropped
const noNodes: readonly never[] = Object.freeze([])

export class Masker {
  readonly counts = new Map<string, number>()
  readonly #plan: MaskPlan
  readonly #twins = new Twins()
  /** Some text held other text (base64), or was put together anew: only then the second pass looks into text again. */
  #mayHoldText = false

  constructor(plan: MaskPlan) {
    this.#plan = plan
  }

  /** @throws RefusalError `mask.failed` when the document cannot be masked for certain */
  document(value: Json, frame: Frame = wholeDocument): Json {
    const first = this.#walk(value, noMember, noNodes, [frame.root], 0)
    const masked = first === dropped ? null : first
    return this.#twins.size === 0 ? masked : this.#walkTwins(masked, [frame.root], 0)
  }

  /** Free text; `before` is context that was masked already and is not repeated. */
  text(text: string, before = ''): string {
    const found = findRuleSpans(before + text, noMember, this.#plan).filter((span) => span.end > before.length)
    const spans = found.map(({ start, end, rule }) => ({ start: Math.max(0, start - before.length), end: end - before.length, rule }))
    for (const { start, end, rule } of spans) this.#twins.add(text.slice(start, end), rule)
    const all = this.#twins.size === 0 ? spans : mergeSpans([...spans, ...this.#twins.find(text)])
    return all.length === 0 ? text : replaceRuleSpans(text, all, this.#plan, (rule) => this.#count(rule))
  }

  #walk(value: Json, member: KnownMember, nodes: FieldNodes, frames: FrameNodes, embedded: number): Masked {
    const mark = frames.length === 0 ? undefined : frameMark(frames)
    if (mark === 'keep') return value
    const here = mark === 'root' && this.#plan.hasPointers ? [...nodes, this.#plan.root] : nodes
    const rule = this.#ruleFor(member, here)
    if (rule !== undefined) return this.#maskField(value, rule)
    if (typeof value === 'string') return this.#maskString(value, member, embedded)
    if (typeof value === 'number') return this.#maskNumber(value, member)
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return this.#walkArray(value, member, here, frames, embedded)
    return isRawJson(value) ? this.#maskNumber(value, member) : this.#walkObject(value, here, frames, embedded)
  }

  #walkArray(value: Json[], member: KnownMember, nodes: FieldNodes, frames: FrameNodes, embedded: number): Json {
    let copy: Json[] | undefined
    const isPlain = nodes.length === 0 && frames.length === 0
    for (let i = 0; i < value.length; i++) {
      const before = value[i] as Json
      const after = isPlain ? this.#walk(before, member, nodes, frames, embedded) : this.#walk(before, member, stepInto(nodes, String(i)), stepFrame(frames, String(i)), embedded)
      if (after !== before && copy === undefined) copy = value.slice(0, i)
      if (after !== dropped) copy?.push(after)
    }
    return copy ?? value
  }

  #walkObject(value: { [name: string]: Json }, nodes: FieldNodes, frames: FrameNodes, embedded: number): Json {
    let copy: Copy | undefined
    for (const name in value) {
      const before = value[name] as Json
      const inner = stepFrame(frames, name)
      const member = this.#plan.members.of(name)
      const newName = member.isClean ? name : this.#maskName(name)
      const after = this.#walk(before, member, stepInto(nodes, name), inner, embedded)
      if (copy !== undefined || after !== before || newName !== name) (copy ??= new Copy(value)).set(name, newName, before, after)
    }
    return copy?.value ?? value
  }

  #ruleFor({ name, lowerCase }: KnownMember, nodes: FieldNodes): Rule | undefined {
    const { names, rules } = this.#plan
    let rule = names.size > 0 && name !== '' ? names.get(name) ?? names.get(lowerCase) : undefined
    for (let i = 0; i < nodes.length; i++) {
      const pointed = rules[Number(nodes[i]?.class ?? -1)]
      if (pointed !== undefined) rule = strongest(rule, pointed)
    }
    return rule
  }

  #maskField(value: Json, rule: Rule): Masked {
    if (value === null && rule.op !== 'drop') return null
    this.#remember(value, rule)
    this.#count(rule)
    return maskValue(value, rule, this.#plan.tokens)
  }

  #remember(value: Json, rule: Rule): void {
    const number = numberText(value)
    if (typeof value === 'string') this.#twins.add(value, rule)
    else if (number !== undefined) this.#twins.add(number, rule)
    else if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) this.#remember(item, rule)
  }

  #maskString(value: string, member: KnownMember, embedded: number): Masked {
    if (looksLikeJson(value)) {
      const inner = this.#parseEmbedded(value, embedded)
      if (inner !== undefined) {
        const after = this.#walk(inner.value, noMember, this.#plan.hasPointers ? [this.#plan.root] : noNodes, noNodes, embedded + 1)
        return after === inner.value && inner.isFaithful ? value : stringify(after === dropped ? null : after, value)
      }
    }
    const spans = findRuleSpans(value, member, this.#plan)
    if (spans.length === 0) return this.#maskEncoded(value, embedded, (text) => this.#maskString(text, noMember, embedded + 1))
    for (const { start, end, rule } of spans) this.#twins.add(value.slice(start, end), rule)
    this.#mayHoldText = true
    return this.#replace(value, spans)
  }

  /** Text in base64 is masked as text and encoded again; anything else, and what nothing matched in, stays. */
  #maskEncoded(value: string, embedded: number, mask: (text: string) => Masked): string {
    const encoded = decodeText(value)
    if (encoded === undefined) return value
    this.#mayHoldText = true
    if (embedded >= MAX_EMBEDDED) throw failed('Text within text is nested deeper than can be masked')
    const after = mask(encoded.text)
    return after === encoded.text ? value : encoded.encode(typeof after === 'string' ? after : '')
  }

  #replace(value: string, spans: readonly RuleSpan[]): Masked {
    const [only] = spans
    if (only !== undefined && only.start === 0 && only.end === value.length && (only.rule.op === 'null' || only.rule.op === 'drop')) {
      this.#count(only.rule)
      return only.rule.op === 'null' ? null : dropped
    }
    return replaceRuleSpans(value, spans, this.#plan, (rule) => this.#count(rule))
  }

  /** undefined: the text is no JSON. A text that two readers read differently is masked and written anew. */
  #parseEmbedded(text: string, embedded: number): { readonly value: Json; readonly isFaithful: boolean } | undefined {
    try {
      const value = parseJsonText(text, { ...this.#plan.limits, inexact: 'keep' })
      if (embedded >= MAX_EMBEDDED) throw failed('JSON within JSON is nested deeper than can be masked')
      return { value, isFaithful: true }
    } catch (cause) {
      if (!(cause instanceof JsonError)) throw cause
      if (cause.fault === 'syntax') return undefined
      if (cause.fault === 'too_deep') throw failed('JSON within JSON is nested deeper than can be masked', cause)
      return { value: JSON.parse(text) as Json, isFaithful: false }
    }
  }

  #maskNumber(value: Json, member: KnownMember): Masked {
    if (this.#plan.detected.size === 0 || (typeof value === 'number' && (!Number.isInteger(value) || Math.abs(value) < MIN_NUMBER))) return value
    const [only] = findRuleSpans(numberText(value) ?? '', member, this.#plan)
    return only === undefined ? value : this.#maskField(value, only.rule)
  }

  #maskName(name: string): string {
    if (this.#plan.detected.size === 0) return name
    const spans = findRuleSpans(name, noMember, this.#plan)
    return spans.length === 0 ? name : replaceRuleSpans(name, spans, this.#plan, (rule) => this.#count(rule))
  }

  #walkTwins(value: Json, frames: FrameNodes, embedded: number): Json {
    if (frames.length > 0 && frameMark(frames) === 'keep') return value
    if (typeof value === 'string') return this.#maskTwins(value, embedded)
    if (typeof value !== 'object' || value === null) return typeof value === 'number' ? this.#maskTwinNumber(value) : value
    if (Array.isArray(value)) {
      let copy: Json[] | undefined
      for (let i = 0; i < value.length; i++) {
        const before = value[i] as Json
        const after = this.#walkTwins(before, frames.length === 0 ? frames : stepFrame(frames, String(i)), embedded)
        if (after !== before) (copy ??= value.slice())[i] = after
      }
      return copy ?? value
    }
    if (isRawJson(value)) return this.#maskTwinNumber(value)
    let copy: Copy | undefined
    for (const name in value) {
      const before = value[name] as Json
      const newName = this.#replaceTwins(name)
      const after = this.#walkTwins(before, stepFrame(frames, name), embedded)
      if (copy !== undefined || after !== before || newName !== name) (copy ??= new Copy(value)).set(name, newName, before, after)
    }
    return copy?.value ?? value
  }

  #maskTwinNumber(value: Json): Json {
    const rule = this.#twins.ruleOf(numberText(value) ?? '')
    if (rule === undefined) return value
    this.#count(rule)
    const masked = maskValue(value, rule, this.#plan.tokens)
    return masked === dropped ? null : masked
  }

  #maskTwins(value: string, embedded: number): string {
    const inner = looksLikeJson(value) ? this.#parseEmbedded(value, embedded) : undefined
    if (inner === undefined) {
      const replaced = this.#replaceTwins(value)
      return replaced === value && this.#mayHoldText ? this.#maskEncoded(value, embedded, (text) => this.#maskTwins(text, embedded + 1)) : replaced
    }
    const after = this.#walkTwins(inner.value, noNodes, embedded + 1)
    return after === inner.value && inner.isFaithful ? value : stringify(after, value)
  }

  #replaceTwins(text: string): string {
    const found = this.#twins.find(text)
    return found.length === 0 ? text : replaceRuleSpans(text, found, this.#plan, (rule) => this.#count(rule))
  }

  #count(rule: Rule): void {
    this.counts.set(rule.id, (this.counts.get(rule.id) ?? 0) + 1)
  }
}

/** A first look that ordinary text fails: brackets at both ends, and behind the first what JSON may have there. */
function looksLikeJson(text: string): boolean {
  const first = text.charCodeAt(0)
  if (first !== 0x7b && first !== 0x5b && first !== 0x22 && first !== 0x20 && (first < 9 || first > 13)) return false
  const head = JSON_HEAD.exec(text)
  return head !== null && text.trimEnd().endsWith(head[0].includes('{') ? '}' : head[0].includes('[') ? ']' : '"')
}

const JSON_HEAD = /^[ \t\r\n]*(?:\{[ \t\r\n]*["}]|\[[ \t\r\n]*[[\]{"\d.tfn-]|"(?=.))/s

/** Keeps the indentation of the text it replaces. */
function stringify(value: Json, model: string): string {
  return JSON.stringify(value, null, /^\s*[{[]\r?\n([ \t]{1,10})\S/.exec(model)?.[1])
}

/** An object on its way to its masked form. Until a name changes or a member goes, a copy of the same shape will do. */
class Copy {
  readonly #original: { [name: string]: Json }
  #copy: { [name: string]: Json } | undefined
  /** Once the names are no longer the original's, members are set one by one, in order. */
  #isRenamed = false

  constructor(original: { [name: string]: Json }) {
    this.#original = original
  }

  /** Called for every member in order. Names that became one by masking stay apart. */
  set(name: string, newName: string, before: Json, after: Masked): void {
    if (!this.#isRenamed) {
      if (after === before && newName === name) return
      if (after !== dropped && newName === name) { setMember(this.#copy ??= { ...this.#original }, name, after); return }
      this.#copy = this.#membersBefore(name)
      this.#isRenamed = true
    }
    const copy = this.#copy
    if (after === dropped || copy === undefined) return
    let unique = newName
    for (let n = 2; Object.hasOwn(copy, unique); n++) unique = `${newName}#${n}`
    setMember(copy, unique, after)
  }

  get value(): Json { return this.#copy ?? this.#original }

  #membersBefore(name: string): { [name: string]: Json } {
    const from = this.#copy ?? this.#original
    const members: { [name: string]: Json } = {}
    for (const earlier in this.#original) {
      if (earlier === name) break
      setMember(members, earlier, from[earlier] as Json)
    }
    return members
  }
}

/** Assignment, but for the one name that assignment treats as something else. */
function setMember(copy: { [name: string]: Json }, name: string, value: Json): void {
  if (name === '__proto__') Object.defineProperty(copy, name, { value, enumerable: true, writable: true, configurable: true })
  else copy[name] = value
}

function failed(message: string, cause?: unknown): RefusalError {
  return new RefusalError(refusal('mask.failed', message), cause)
}
