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
const none = new Uint8Array(0)
const SLOTS_PER_VALUE = 16

export class Twins {
  /** Values not yet among `#rules`. */
  #values: { readonly value: string; readonly rule: Rule }[] = []
  /** Values as they may stand in text; filled only when some text looks like one, which most documents never do. */
  readonly #rules = new Map<string, Rule>()
  readonly #lengths: number[] = []
  /** One bit-sized answer per hash of the first four characters: what is left of a text's positions ends here. */
  #filter = none
  /** Whether some value starts with this character, all beyond ASCII counted as one: most positions of a text end here. */
  readonly #starts = new Uint8Array(129)

  get size(): number { return this.#rules.size + this.#values.length }

  add(value: string, rule: Rule): void {
    if (value.length < MIN_CHARS) return
    if (this.#values.length >= MAX_VALUES) this.#index()
    this.#values.push({ value, rule })
    if (this.size * SLOTS_PER_VALUE > this.#filter.length && this.size <= MAX_VALUES) this.#grow()
    else this.#mark(value)
  }

  #grow(): void {
    this.#filter = new Uint8Array(Math.max(LEAST_FILTER, this.#filter.length * 4))
    for (const value of this.#rules.keys()) this.#markOne(value)
    for (const { value } of this.#values) this.#mark(value)
  }

  /** Both forms of a value; a form that is none only makes the filter say maybe. */
  #mark(value: string): void {
    this.#markOne(value)
    const digits = firstDigits(value)
    if (digits !== '' && !value.startsWith(digits)) this.#markOne(digits)
  }

  #markOne(text: string): void {
    this.#filter[hashAt(text, 0) & (this.#filter.length - 1)] = 1
    this.#starts[startAt(text, 0)] = 1
  }

  #index(): void {
    const values = this.#values
    if (values.length === 0) return
    this.#values = []
    for (const { value, rule } of values) {
      const isSpaced = SPACED_DIGITS.test(value)
      // `123-45-6789` is `123456789` to the next system.
      const digits = isSpaced ? value.replace(/[\s.-]/g, '') : ''
      this.#addOne(value, rule, digits === value ? MIN_NUMBER_CHARS : MIN_CHARS)
      if (digits.length >= 7 && digits !== value) this.#addOne(digits, rule, MIN_NUMBER_CHARS)
    }
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
  }

  /** Rule that masked this very value elsewhere. */
  ruleOf(value: string): Rule | undefined {
    if (value.length < MIN_CHARS || this.#filter[hashAt(value, 0) & (this.#filter.length - 1)] !== 1) return undefined
    this.#index()
    return this.#rules.get(value)
  }

  /** Spans of text that are masked values, left to right, longest first. */
  find(text: string): readonly { readonly start: number; readonly end: number; readonly rule: Rule }[] {
    const last = text.length - MIN_CHARS
    if (last < 0) return nothing
    const filter = this.#filter
    const starts = this.#starts
    const mask = filter.length - 1
    let found: { start: number; end: number; rule: Rule }[] | undefined
    for (let at = 0; at <= last; at++) {
      if (starts[startAt(text, at)] === 0 || filter[hashAt(text, at) & mask] === 0) continue
      const span = this.#spanAt(text, at)
      if (span === undefined) continue
      (found ??= []).push(span)
      at = span.end - 1
    }
    return found ?? nothing
  }

  #spanAt(text: string, start: number): { start: number; end: number; rule: Rule } | undefined {
    this.#index()
    for (const length of this.#lengths) {
      const end = start + length
      if (end > text.length) continue
      const rule = this.#rules.get(text.slice(start, end))
      if (rule !== undefined && !isInsideNumber(text, start, end)) return { start, end, rule }
    }
    return undefined
  }
}

/** The first four digits of a text, or '' where it has fewer. */
function firstDigits(text: string): string {
  let digits = ''
  for (let at = 0; at < text.length && at < MAX_CHARS; at++) {
    if (!isDigit(text, at)) continue
    digits += text[at] ?? ''
    if (digits.length === MIN_CHARS) return digits
  }
  return ''
}

function startAt(text: string, at: number): number {
  const code = text.charCodeAt(at)
  return code > 127 ? 128 : code
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
