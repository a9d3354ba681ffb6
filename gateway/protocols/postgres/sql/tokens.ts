// Cuts SQL text into tokens as PostgreSQL's scanner does (manual §4.1, standard_conforming_strings on), in linear time.
// It only has to find constants, comments and parameters; everything else stays as it is. No text makes it throw.

export type TokenKind = 'string' | 'number' | 'parameter' | 'word' | 'comment' | 'other'

/** `start` and `end` index the text (UTF-16); `byte` is where the token starts in its UTF-8 form, which is how the parser counts. */
export interface Token { readonly kind: TokenKind; readonly start: number; readonly end: number; readonly byte: number }

/** Every token but white space, in order. What is not terminated runs to the end of the text. */
export function readTokens(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  let byte = 0
  const advance = (to: number): void => {
    for (; at < to; at++) byte += utf8Length(text.charCodeAt(at))
  }
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (isSpace(code)) { at++; byte++; continue }
    const start = at
    const startByte = byte
    const [kind, end] = readToken(text, at, code)
    advance(end)
    tokens.push({ kind, start, end, byte: startByte })
  }
  return tokens
}

function readToken(text: string, at: number, code: number): readonly [TokenKind, number] {
  if (code === QUOTE) return ['string', stringEnd(text, at, false)]
  if (code === DOUBLE) return ['word', quotedEnd(text, at)]
  if (code === DASH && text.charCodeAt(at + 1) === DASH) return ['comment', lineEnd(text, at)]
  if (code === SLASH && text.charCodeAt(at + 1) === STAR) return ['comment', blockEnd(text, at)]
  if (code === DOLLAR) return readDollar(text, at)
  if (isDigit(code) || (code === DOT && isDigit(text.charCodeAt(at + 1)) && text.charCodeAt(at - 1) !== DOT)) return ['number', numberEnd(text, at)]
  if (!isWordStart(code)) return ['other', at + 1]
  return readWord(text, at, code)
}

/** A word, or a constant with a prefix: E'', B'', X'', N'', U&''. */
function readWord(text: string, at: number, code: number): readonly [TokenKind, number] {
  const next = text.charCodeAt(at + 1)
  const letter = code | 0x20
  if (next === QUOTE && letter === 0x65) return ['string', stringEnd(text, at + 1, true)]
  if (next === QUOTE && (letter === 0x62 || letter === 0x78 || letter === 0x6e)) return ['string', stringEnd(text, at + 1, false)]
  if (letter === 0x75 && next === AMPERSAND) {
    const quote = text.charCodeAt(at + 2)
    if (quote === QUOTE) return ['string', escapeEnd(text, stringEnd(text, at + 2, false))]
    if (quote === DOUBLE) return ['word', escapeEnd(text, quotedEnd(text, at + 2))]
  }
  let end = at + 1
  while (end < text.length && isWordPart(text.charCodeAt(end))) end++
  return ['word', end]
}

/** `$1`, `$tag$ … $tag$`, or a lone dollar sign. */
function readDollar(text: string, at: number): readonly [TokenKind, number] {
  let end = at + 1
  while (isDigit(text.charCodeAt(end))) end++
  if (end > at + 1) return ['parameter', end]
  if (isWordStart(text.charCodeAt(end))) while (isWordStart(text.charCodeAt(end)) || isDigit(text.charCodeAt(end))) end++
  if (text.charCodeAt(end) !== DOLLAR) return ['other', at + 1]
  const tag = text.slice(at, end + 1)
  const close = text.indexOf(tag, end + 1)
  return ['string', close === -1 ? text.length : close + tag.length]
}

/** Behind the closing quote; parts with a line break between them are one constant (§4.1.2.1). */
function stringEnd(text: string, quote: number, hasEscapes: boolean): number {
  let at = quote
  for (;;) {
    at = oneStringEnd(text, at, hasEscapes)
    const next = continuation(text, at)
    if (next === -1) return at
    at = next
  }
}

function oneStringEnd(text: string, quote: number, hasEscapes: boolean): number {
  for (let at = quote + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (hasEscapes && code === BACKSLASH) at++
    else if (code === QUOTE) {
      if (text.charCodeAt(at + 1) !== QUOTE) return at + 1
      at++
    }
  }
  return text.length
}

/** Where the next part of the same constant opens; -1 when there is none. Line comments may stand between, block comments not. */
function continuation(text: string, from: number): number {
  let hasBreak = false
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x0a || code === 0x0d) hasBreak = true
    else if (code === QUOTE) return hasBreak ? at : -1
    else if (hasBreak && code === DASH && text.charCodeAt(at + 1) === DASH) at = lineEnd(text, at) - 1
    else if (!isSpace(code)) return -1
  }
  return -1
}

/** `UESCAPE 'c'` belongs to the constant or name before it. */
function escapeEnd(text: string, end: number): number {
  let at = end
  while (isSpace(text.charCodeAt(at))) at++
  if (text.slice(at, at + 7).toLowerCase() !== 'uescape') return end
  at += 7
  while (isSpace(text.charCodeAt(at))) at++
  return text.charCodeAt(at) === QUOTE ? oneStringEnd(text, at, false) : end
}

function quotedEnd(text: string, quote: number): number {
  for (let at = quote + 1; at < text.length; at++) {
    if (text.charCodeAt(at) !== DOUBLE) continue
    if (text.charCodeAt(at + 1) !== DOUBLE) return at + 1
    at++
  }
  return text.length
}

function lineEnd(text: string, from: number): number {
  let at = from
  while (at < text.length && text.charCodeAt(at) !== 0x0a && text.charCodeAt(at) !== 0x0d) at++
  return at
}

/** Block comments nest (§4.1.5). */
function blockEnd(text: string, from: number): number {
  let depth = 1
  for (let at = from + 2; at < text.length; at++) {
    const code = text.charCodeAt(at)
    const next = text.charCodeAt(at + 1)
    if (code === SLASH && next === STAR) { depth++; at++ }
    else if (code === STAR && next === SLASH) {
      at++
      if (--depth === 0) return at + 1
    }
  }
  return text.length
}

/** Takes what may follow a digit; a number that PostgreSQL would refuse is refused by its parser, not here. `1..2` is a range. */
function numberEnd(text: string, from: number): number {
  let at = from + 1
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (isDigit(code) || isWordStart(code)) continue
    if (code === DOT && text.charCodeAt(at + 1) !== DOT && text.charCodeAt(at - 1) !== DOT) continue
    if ((code === DASH || code === 0x2b) && (text.charCodeAt(at - 1) | 0x20) === 0x65 && isDigit(text.charCodeAt(at + 1)) && !isPrefixed(text, from)) continue
    break
  }
  return at
}

/** `0xE-1` is a difference, `1E-1` is not. */
function isPrefixed(text: string, from: number): boolean {
  const letter = text.charCodeAt(from + 1) | 0x20
  return text.charCodeAt(from) === 0x30 && (letter === 0x78 || letter === 0x6f || letter === 0x62)
}

const QUOTE = 0x27, DOUBLE = 0x22, DASH = 0x2d, SLASH = 0x2f, STAR = 0x2a, DOLLAR = 0x24, DOT = 0x2e, AMPERSAND = 0x26, BACKSLASH = 0x5c

function isSpace(code: number): boolean { return code === 0x20 || (code >= 0x09 && code <= 0x0d) }
function isDigit(code: number): boolean { return code >= 0x30 && code <= 0x39 }
function isWordStart(code: number): boolean { return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x5f || code >= 0x80 }
function isWordPart(code: number): boolean { return isWordStart(code) || isDigit(code) || code === DOLLAR }

/** Of one UTF-16 unit: each half of a surrogate pair counts for two of the four bytes. */
function utf8Length(code: number): number {
  if (code < 0x80) return 1
  if (code < 0x800) return 2
  return code >= 0xd800 && code <= 0xdfff ? 2 : 3
}
