// Strict JSON (RFC 8259, I-JSON's rules of RFC 7493): what two readers could read differently is refused, so that policy, record
// and upstream see one value. The bytes themselves stay what is forwarded; this only says what they mean.
import { isUtf8 } from 'node:buffer'
import type { Json } from '../call.ts'
import { isExact } from './exact-number.ts'
import { JsonError, type JsonLimits } from './json-error.ts'
import { locateJsonFault } from './json-fault.ts'

/** @throws JsonError */
export function parseJson(bytes: Uint8Array, limits: JsonLimits): Json {
  if (bytes.length > limits.maxBytes) throw new JsonError('too_large', limits.maxBytes)
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) throw new JsonError('bom', 0)
  if (!isUtf8(bytes)) throw new JsonError('utf8', 0)
  return parseJsonText(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'), limits)
}

/**
 * The same for a text that is already decoded. One scan outside the strings counts members, depth and suspicious numbers;
 * `JSON.parse` checks the grammar; a walk counts the members that survived: fewer means that one was there twice.
 * Only a fault pays for finding out where.
 * @throws JsonError
 */
export function parseJsonText(text: string, limits: JsonLimits): Json {
  const outline = scan(text, limits.maxDepth)
  if (outline === undefined) throw locateJsonFault(text, limits)
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch {
    throw locateJsonFault(text, limits)
  }
  const isEscaped = text.includes('\\u')
  if (countMembers(value) !== outline.members || ((isEscaped || text.includes('__proto__')) && !isClean(value))) throw locateJsonFault(text, limits)
  if (!outline.isSuspicious) return value
  if (limits.inexact === 'keep') return native.parse(text, keepInexact)
  const fault = locateJsonFault(text, limits, false)
  if (fault !== undefined) throw fault
  return value
}

interface Outline { readonly members: number; readonly isSuspicious: boolean }

/** Longest number text that always survives: 15 significant digits, a sign or a point. */
const MAX_SAFE_NUMBER_CHARS = 15

/** undefined: too deep, or a string does not end. */
function scan(text: string, maxDepth: number): Outline | undefined {
  const hasEscapes = text.includes('\\')
  let members = 0, depth = 0, run = 0
  let isSuspicious = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x22) {
      run = 0
      let end = text.indexOf('"', i + 1)
      while (hasEscapes && end > 0 && isQuoted(text, end)) end = text.indexOf('"', end + 1)
      if (end < 0) return undefined
      i = end
    } else if (code >= 0x30 && code <= 0x39) {
      if (++run > MAX_SAFE_NUMBER_CHARS) isSuspicious = true
    } else if (code === 0x2e) {
      run++
    } else {
      if ((code === 0x65 || code === 0x45) && run > 0) isSuspicious = true
      run = 0
      if (code === 0x3a) members++
      else if (code === 0x7b || code === 0x5b) {
        if (++depth > maxDepth) return undefined
      } else if (code === 0x7d || code === 0x5d) depth--
    }
  }
  return { members, isSuspicious }
}

/** An odd number of backslashes before a quote makes it a character of the string. Each run is looked at once per quote behind it. */
function isQuoted(text: string, at: number): boolean {
  let from = at
  while (text.charCodeAt(from - 1) === 0x5c) from--
  return (at - from) % 2 === 1
}

function countMembers(value: Json): number {
  if (typeof value !== 'object' || value === null) return 0
  let members = 0
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object') members += countMembers(item)
    return members
  }
  for (const name in value) {
    members++
    const item = value[name]
    if (typeof item === 'object') members += countMembers(item as Json)
  }
  return members
}

function isClean(value: Json): boolean {
  if (typeof value === 'string') return value.isWellFormed()
  if (typeof value !== 'object' || value === null) return true
  if (Array.isArray(value)) return value.every(isClean)
  return Object.entries(value).every(([name, item]) => name !== '__proto__' && name.isWellFormed() && isClean(item))
}

function keepInexact(_name: string, value: unknown, context: { readonly source?: string }): unknown {
  return typeof value === 'number' && context.source !== undefined && !isExact(context.source, value) ? rawJson(context.source) : value
}

/** ES2025 source text access, which the type library does not know yet. */
const native = JSON as unknown as { parse(text: string, reviver: typeof keepInexact): Json; rawJSON(text: string): object; isRawJSON(value: unknown): boolean }
function rawJson(source: string): object {
  return native.rawJSON(source)
}
export function isRawJson(value: unknown): value is { readonly rawJSON: string } {
  return native.isRawJSON(value)
}
