// Tokens of GraphQL documents (October 2021 §2.1), read as leniently as OPA's own reader does: escaped halves of a character are
// U+FFFD, and a number may touch a name.

/** The document is no GraphQL, or no schema. */
export class GraphqlError extends Error {}
/** It is too large to be looked at: there is no answer. */
export class GraphqlLimit extends Error {}

export type TokenKind = 'end' | 'mark' | 'name' | 'int' | 'float' | 'string' | 'block' | 'comment'

export interface Token {
  readonly kind: TokenKind
  /** The text of it; without quotes and with escapes read, if it is a string. */
  readonly value: string
}

export type Lexer = () => Token

const blank = /[\t ,\n\r\ufeff]*/y
const name = /[_A-Za-z][_0-9A-Za-z]*/y
const number = /-?(?:0(?![0-9])|[1-9][0-9]*(?![0-9]))(?:\.[0-9]+(?![0-9])|(?![.]))(?:[eE][+-]?[0-9]+|(?![eE]))/y
const comment = /#[^\x00-\x08\x0a-\x1f]*/y
const plain = /[^"\\\x00-\x08\x0a-\x1f]*/y
const escapes: Readonly<Record<string, string>> = { '"': '"', '/': '/', '\\': '\\', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

/** Gives one token a call, and `end` for ever after the last. Each call throws GraphqlError where no token begins. */
export function createLexer(text: string): Lexer {
  let at = 0
  return () => {
    take(blank)
    const head = text[at]
    if (head === undefined) return { kind: 'end', value: '' }
    if (text.startsWith('...', at)) return mark('...')
    if ('!$&():=@[]{}|'.includes(head)) return mark(head)
    if (head === '#') return { kind: 'comment', value: take(comment) ?? '' }
    if (head === '"') return text.startsWith('"""', at) ? readBlock() : readString()
    const word = take(name)
    if (word !== undefined) return { kind: 'name', value: word }
    return readNumber()
  }

  function take(expression: RegExp): string | undefined {
    expression.lastIndex = at
    const [found] = expression.exec(text) ?? []
    at += found?.length ?? 0
    return found
  }

  function mark(value: string): Token {
    at += value.length
    return { kind: 'mark', value }
  }

  function readNumber(): Token {
    const found = take(number)
    if (found === undefined) throw new GraphqlError('a character that begins nothing')
    return { kind: /[.eE]/.test(found) ? 'float' : 'int', value: found }
  }

  function readString(): Token {
    at++
    let value = ''
    for (;;) {
      value += take(plain) ?? ''
      if (text[at] === '"') break
      if (text[at] !== '\\') throw new GraphqlError('a string that does not end')
      const escape = text[at + 1] ?? ''
      if (escape === 'u') {
        const digits = text.slice(at + 2, at + 6)
        if (!/^[0-9a-fA-F]{4}$/.test(digits) || at + 6 >= text.length) throw new GraphqlError('an escape that is none')
        value += String.fromCharCode(parseInt(digits, 16)).toWellFormed()
        at += 6
      } else {
        if (escapes[escape] === undefined) throw new GraphqlError('an escape that is none')
        value += escapes[escape]
        at += 2
      }
    }
    at++
    return { kind: 'string', value }
  }

  function readBlock(): Token {
    const start = at += 3
    let end = text.indexOf('"""', start)
    while (end >= 0 && text[end - 1] === '\\') end = text.indexOf('"""', end + 3)
    if (end < 0) throw new GraphqlError('a string that does not end')
    // Of more than three quotes the last three are the end.
    while (text[end + 3] === '"') end++
    const raw = text.slice(start, end)
    if (/[\x00-\x08\x0b\x0c\x0e-\x1f]/.test(raw)) throw new GraphqlError('a character that no string has')
    at = end + 3
    return { kind: 'block', value: dedent(raw.replace(/\\"""/g, '"""').replace(/\r\n?/g, '\n')) }
  }
}

// BlockStringValue() of §2.9.4, but for the first line, whose indent counts here.
function dedent(raw: string): string {
  const lines = raw.split('\n')
  const isBlank = (line: string) => /^[\t ]*$/.test(line)
  const common = lines.filter(line => !isBlank(line)).reduce((least, line) => Math.min(least, line.search(/[^\t ]/)), Infinity)
  const kept = common === Infinity ? lines : lines.map((line, index) => (index === 0 ? line : line.slice(common)))
  let [first, last] = [0, kept.length]
  while (first < last && isBlank(kept[first] ?? '')) first++
  while (first < last && isBlank(kept[last - 1] ?? '')) last--
  return kept.slice(first, last).join('\n')
}
