// A value masked in one place is masked in every place: MCP servers repeat structured content as text, people repeat numbers in
// notes. Remembers what was masked and finds it again, whole or inside text, in time linear in the text.
import type { Rule } from './plan.ts'

const nothing: readonly never[] = Object.freeze([])

/** Shorter values ("NY", "yes") are words of other sentences. */
const MIN_CHARS = 4
/** A number this short is a year or a count elsewhere. */
const MIN_NUMBER_CHARS = 6
const MAX_VALUES = 65_536
const MAX_CHARS = 512
/** Each distinct length costs one look per position. */
const MAX_LENGTHS = 64
/** Digits with signs between them. */
const SPACED_DIGITS = /^[\d\s.-]+$/
/** Slots of the filter at first; a document that masks much gets a larger one. */
const LEAST_FILTER = 1 << 9
const SLOTS_PER_VALUE = 16

export class Twins {
  readonly #rules = new Map<string, Rule>()
  readonly #lengths: number[] = []
  /** One bit-sized answer per hash of the first four characters: most positions of a text end here. */
  #filter = new Uint8Array(LEAST_FILTER)
  #shortest = Infinity

  get size(): number { return this.#rules.size }

  add(value: string, rule: Rule): void {
    const isSpaced = SPACED_DIGITS.test(value)
    // `123-45-6789` is `123456789` to the next system.
    const digits = isSpaced ? value.replace(/[\s.-]/g, '') : ''
    this.#addOne(value, rule, digits === value ? MIN_NUMBER_CHARS : MIN_CHARS)
    if (digits.length >= 7 && digits !== value) this.#addOne(digits, rule, MIN_NUMBER_CHARS)
  }

  #addOne(value: string, rule: Rule, least: number): void {
    const key = value.length > MAX_CHARS ? value.slice(0, MAX_CHARS) : value
    if (key.length < least || this.#rules.has(key) || this.#rules.size >= MAX_VALUES) return
    if (!this.#lengths.includes(key.length)) {
      if (this.#lengths.length >= MAX_LENGTHS) return
      this.#lengths.push(key.length)
      this.#lengths.sort((a, b) => b - a)
    }
    this.#rules.set(key, rule)
    this.#shortest = Math.min(this.#shortest, key.length)
    if (this.#rules.size * SLOTS_PER_VALUE > this.#filter.length) this.#grow()
    this.#filter[hashAt(key, 0) & (this.#filter.length - 1)] = 1
  }

  #grow(): void {
    this.#filter = new Uint8Array(this.#filter.length * 4)
    for (const key of this.#rules.keys()) this.#filter[hashAt(key, 0) & (this.#filter.length - 1)] = 1
  }

  /** Rule that masked this very value elsewhere. */
  ruleOf(value: string): Rule | undefined {
    return this.#rules.get(value)
  }

  /** Spans of text that are masked values, left to right, longest first. */
  find(text: string): readonly { readonly start: number; readonly end: number; readonly rule: Rule }[] {
    const last = text.length - this.#shortest
    if (last < 0) return nothing
    const found: { start: number; end: number; rule: Rule }[] = []
    const mask = this.#filter.length - 1
    for (let at = 0; at <= last;) {
      const end = this.#filter[hashAt(text, at) & mask] === 1 ? this.#endAt(text, at, found) : at
      at = end > at ? end : at + 1
    }
    return found
  }

  #endAt(text: string, at: number, found: { start: number; end: number; rule: Rule }[]): number {
    for (const length of this.#lengths) {
      if (at + length > text.length) continue
      const rule = this.#rules.get(text.slice(at, at + length))
      if (rule === undefined || isInsideNumber(text, at, at + length)) continue
      found.push({ start: at, end: at + length, rule })
      return at + length
    }
    return at
  }
}

/** A masked number is not part of a longer one. */
function isInsideNumber(text: string, start: number, end: number): boolean {
  return (isDigit(text, start) && isDigit(text, start - 1)) || (isDigit(text, end - 1) && isDigit(text, end))
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code >= 48 && code <= 57
}

function hashAt(text: string, at: number): number {
  return text.charCodeAt(at) * 31 + text.charCodeAt(at + 1) * 131 + text.charCodeAt(at + 2) * 1031 + text.charCodeAt(at + 3) * 8209
}
