// What a mask does to one value. Types are kept where the op allows it: text stays text, numbers become null, not "***".
import type { Json } from '../call.ts'
import type { Tokens } from '../sensitive/tokens.ts'
import type { Rule } from './plan.ts'
import { isRawJson } from './strict-json.ts'

/** The member or element is to go. */
export const dropped: unique symbol = Symbol('dropped')

/** Masks a whole field. Arrays are masked item by item; an object has no masked form that keeps its names secret, so it becomes null. */
export function maskValue(value: Json, rule: Rule, tokens: Tokens): Json | typeof dropped {
  if (rule.op === 'drop') return dropped
  if (rule.op === 'null' || value === null) return null
  if (typeof value === 'string') return maskSpan(value, rule, tokens)
  if (typeof value === 'boolean') return null
  if (Array.isArray(value)) return value.map((item) => maskValue(item, rule, tokens) as Json)
  const number = numberText(value)
  return number === undefined || rule.op === 'redact' ? null : maskSpan(number, rule, tokens)
}

/** Masks a stretch of text; what comes back never holds it. */
export function maskSpan(text: string, rule: Rule, tokens: Tokens): string {
  switch (rule.op) {
    case 'partial': return keepEnd(text, rule.keepLast)
    case 'hash': return tokens.hash(rule.domain, text)
    case 'tokenize': return `tok_${tokens.token(rule.domain, text)}`
    case 'drop': return ''
    case 'redact':
    case 'null': return rule.redacted
  }
}

/** `123-45-6789` → `***-**-6789`. A value that would survive whole is masked whole. */
function keepEnd(text: string, keep: number): string {
  if (ASCII.test(text)) return keepAsciiEnd(text, keep)
  const characters = Array.from(text)
  let total = 0
  for (const character of characters) if (isWord(character)) total++
  let hidden = total > keep ? total - keep : total
  for (let i = 0; hidden > 0 && i < characters.length; i++) {
    if (!isWord(characters[i] ?? '')) continue
    characters[i] = '*'
    hidden--
  }
  return characters.join('')
}

/** The same for nearly every value there is, without a list of its characters; flat, so that JSON with it in it is written fast. */
function keepAsciiEnd(text: string, keep: number): string {
  let total = 0
  for (let i = 0; i < text.length; i++) if (asciiWords[text.charCodeAt(i)] === true) total++
  let hidden = total > keep ? total - keep : total
  const masked = Buffer.allocUnsafe(text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    const isHidden = hidden > 0 && asciiWords[code] === true
    if (isHidden) hidden--
    masked[i] = isHidden ? STAR : code
  }
  return masked.toString('latin1')
}

const STAR = 0x2a
const ASCII = /^[\0-\x7f]*$/
const WORD = /[\p{L}\p{N}\p{M}\p{S}]/u
const asciiWords = Array.from({ length: 128 }, (_, code) => WORD.test(String.fromCharCode(code)))

function isWord(character: string): boolean {
  return asciiWords[character.charCodeAt(0)] ?? WORD.test(character)
}

/** The digits of a number, also of one that a double cannot hold; undefined for anything else. */
export function numberText(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value)
  return isRawJson(value) ? value.rawJSON : undefined
}
