// JSON text as a Rego value: RFC 8259, numbers kept as they are written, the last of equal names wins, as with Go's encoding/json.
import type { Value } from '../value.ts'

/** Arrays and objects inside one another; Go stops at 10,000, the policy module's own stack well before. */
const maxDepth = 256

const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const plain = /[^"\\\x00-\x1f]*/y

/** `undefined` for what is not exactly one JSON value. */
export function readJson(text: string): Value | undefined {
  let at = 0
  try {
    const value = parse(0)
    skip()
    return at === text.length ? value : undefined
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined
    throw cause
  }

  function parse(depth: number): Value {
    if (depth > maxDepth) throw new SyntaxError()
    skip()
    const head = text[at]
    if (head === '"') return parseString()
    if (head === '[') {
      const array: Value[] = []
      parseMembers(']', () => { array.push(parse(depth + 1)) })
      return { array }
    }
    if (head === '{') {
      const members = new Map<string, Value>()
      parseMembers('}', () => {
        if (text[at] !== '"') throw new SyntaxError()
        const name = parseString()
        skip()
        if (text[at++] !== ':') throw new SyntaxError()
        members.set(name, parse(depth + 1))
      })
      return { object: [...members] }
    }
    for (const [word, value] of [['null', null], ['true', true], ['false', false]] as const) {
      if (text.startsWith(word, at)) { at += word.length; return value }
    }
    number.lastIndex = at
    const match = number.exec(text)
    if (!match) throw new SyntaxError()
    at = number.lastIndex
    return { number: match[0] }
  }

  function parseMembers(end: string, member: () => void): void {
    at++
    skip()
    if (text[at] === end) { at++; return }
    for (;;) {
      skip()
      member()
      skip()
      const next = text[at++]
      if (next === end) return
      if (next !== ',') throw new SyntaxError()
    }
  }

  function parseString(): string {
    const start = at++
    for (;;) {
      plain.lastIndex = at
      plain.exec(text)
      at = plain.lastIndex
      if (text[at] === '"') break
      if (text[at] !== '\\') throw new SyntaxError()
      at += 2
    }
    at++
    // Go puts U+FFFD for half a character.
    return (JSON.parse(text.slice(start, at)) as string).toWellFormed()
  }

  function skip(): void {
    for (let unit = text[at]; unit === ' ' || unit === '\n' || unit === '\r' || unit === '\t'; unit = text[++at]);
  }
}

/** UTF-8 as Go's encoding/json takes it: each byte that is none of UTF-8 is U+FFFD. */
export function readUtf8(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('utf8')
  if (!text.includes('\ufffd')) return text
  let read = ''
  for (let at = 0; at < bytes.length;) {
    const size = characterSize(bytes, at)
    read += size === 0 ? '\ufffd' : Buffer.from(bytes.subarray(at, at + size)).toString('utf8')
    at += Math.max(size, 1)
  }
  return read
}

function characterSize(bytes: Uint8Array, at: number): number {
  for (let size = 1; size <= 4; size++) {
    const text = Buffer.from(bytes.subarray(at, at + size)).toString('utf8')
    // U+FFFD is three bytes of its own, and what the beginning of a longer character is decoded as.
    const isWritten = text !== '\ufffd' || (size === 3 && bytes[at] === 0xef && bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd)
    if (at + size <= bytes.length && [...text].length === 1 && isWritten) return size
  }
  return 0
}
