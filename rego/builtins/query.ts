// `urlquery.*`, as Go's net/url escapes and reads a query.
import { readUtf8 } from './json/read.ts'
import { membersOf, ofTexts, textsOf } from './operand.ts'
import type { Family } from './operand.ts'
import { compareTexts } from './text.ts'
import type { Value } from './value.ts'

export const query: Family = [
  ['urlquery.encode', ofTexts(escapeQuery)],
  ['urlquery.decode', ofTexts(unescapeQuery)],
  ['urlquery.encode_object', encodeObject],
  ['urlquery.decode_object', ofTexts(decodeObject)],
]

/** `url.QueryEscape`. */
function escapeQuery(text: string): string {
  let escaped = ''
  for (const byte of Buffer.from(text)) {
    const character = String.fromCharCode(byte)
    escaped += /[A-Za-z0-9_.~-]/.test(character) ? character : byte === 0x20 ? '+' : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return escaped
}

/** `url.QueryUnescape`. */
function unescapeQuery(text: string): string | undefined {
  return unescape(text.replaceAll('+', ' '))
}

/** Text with its `%XX` read as bytes of UTF-8; undefined for a percent sign without two digits. */
export function unescape(text: string): string | undefined {
  if (/%(?![0-9a-fA-F]{2})/.test(text)) return undefined
  if (!text.includes('%')) return text
  return readUtf8(Buffer.concat(text.split(/((?:%[0-9a-fA-F]{2})+)/).map((piece, at) => at % 2 === 0 ? Buffer.from(piece) : Buffer.from(piece.replaceAll('%', ''), 'hex'))))
}

function encodeObject(value: Value): Value | undefined {
  const members = membersOf(value)
  // A name that is no text is its JSON in Go; nobody sends such a query.
  if (!members?.every(([name]) => typeof name === 'string')) return undefined
  const pairs: string[] = []
  for (const [name, member] of [...members].sort(([a], [b]) => compareTexts(String(a), String(b)))) {
    const texts = typeof member === 'string' ? [member] : textsOf(member)
    if (typeof name !== 'string' || !texts) return undefined
    // A set is written in OPA's order.
    const isSet = typeof member === 'object' && member !== null && 'set' in member
    for (const text of isSet ? [...texts].sort(compareTexts) : texts) pairs.push(`${escapeQuery(name)}=${escapeQuery(text)}`)
  }
  return pairs.join('&')
}

/** `url.ParseQuery`: one piece that cannot be read, or has a semicolon, spoils it all. */
function decodeObject(text: string): Value | undefined {
  const values = new Map<string, string[]>()
  for (const piece of text.split('&')) {
    if (piece === '') continue
    if (piece.includes(';')) return undefined
    const at = piece.indexOf('=')
    const name = unescapeQuery(at < 0 ? piece : piece.slice(0, at))
    const value = unescapeQuery(at < 0 ? '' : piece.slice(at + 1))
    if (name === undefined || value === undefined) return undefined
    const known = values.get(name)
    if (known) known.push(value)
    else values.set(name, [value])
  }
  return { object: [...values].map(([name, array]) => [name, { array }] as const) }
}
