// What a string constant says (manual §4.1.2): detectors must see the value, not a spelling that hides it.

/** @param source one whole constant with its quotes and prefix. Bit strings give their digits; what PostgreSQL would refuse gives something. */
export function unquote(source: string): string {
  if (source.startsWith('$')) return source.slice(source.indexOf('$', 1) + 1, Math.max(source.indexOf('$', 1) + 1, source.lastIndexOf('$', source.length - 2)))
  const quote = source.indexOf('\'')
  const prefix = source.slice(0, quote).toLowerCase()
  const isUnicode = prefix === 'u&'
  const [body, behind] = joinParts(source, quote, prefix === 'e')
  if (prefix === 'e') return unescape(body)
  if (!isUnicode) return body
  const escape = /^\s*uescape\s*'(.)'/i.exec(behind)?.[1] ?? '\\'
  return unescapeUnicode(body, escape)
}

/** The text between the quotes, parts joined, doubled quotes single; escapes still in it. */
function joinParts(source: string, quote: number, hasEscapes: boolean): readonly [string, string] {
  let body = ''
  let at = quote
  for (;;) {
    let from = ++at
    for (; at < source.length; at++) {
      const character = source[at]
      if (hasEscapes && character === '\\') { at++; continue }
      if (character !== '\'') continue
      body += source.slice(from, at)
      if (source[at + 1] !== '\'') { from = at; break }
      body += '\''
      from = ++at + 1
    }
    if (at >= source.length) return [body + source.slice(from, source.length), '']
    const rest = source.slice(at + 1)
    const next = /^\s*(?:--[^\r\n]*\s*)*'/.exec(rest)
    if (next === null) return [body, rest]
    at += next[0].length
  }
}

const letters: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

function unescape(body: string): string {
  if (!body.includes('\\')) return body
  return body.replaceAll(/\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\s\S]))/g, (_, hex: string | undefined, octal: string | undefined, short: string | undefined, long: string | undefined, other: string | undefined) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff)
    if (short !== undefined) return String.fromCharCode(Number.parseInt(short, 16))
    if (long !== undefined) return codePoint(long)
    return letters[other ?? ''] ?? other ?? ''
  })
}

/** `\0061` and `\+000061`, with any escape character (§4.1.2.3). */
function unescapeUnicode(body: string, escape: string): string {
  let text = ''
  for (let at = 0; at < body.length; at++) {
    if (body[at] !== escape) { text += body[at]; continue }
    const digits = body[at + 1] === '+' ? body.slice(at + 2, at + 8) : body.slice(at + 1, at + 5)
    if (body[at + 1] === escape) { text += escape; at++ }
    else if (/^[0-9a-fA-F]+$/.test(digits)) { text += codePoint(digits); at += digits.length === 6 ? 7 : digits.length }
  }
  return text
}

function codePoint(digits: string): string {
  const code = Number.parseInt(digits, 16)
  return code <= 0x10ffff ? String.fromCodePoint(code) : ''
}
