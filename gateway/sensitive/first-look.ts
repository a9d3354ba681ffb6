// A look at bytes before they become text: whether anything that masks look for could be in them. It knows less than the detectors and
// lets nothing pass that they would find; most cells of most tables end here. Each "no" stands on what a detector's grammar asks for.
import { speaksOf } from './context.ts'
import { isAccountName } from './detectors/bank.ts'
import { speaksOfBirth } from './detectors/person.ts'
import type { Member } from './member.ts'

export const DIGIT = 1, LETTER = 2, UPPER = 4
export const WORD = DIGIT | LETTER | UPPER
/** Stands between digits of one number. */
export const BETWEEN = 8
export const DOT = 16, DASH = 32
/** Enough to look closer: what every address, pair, document and escape has, and characters that may stand for a digit or a sign. */
export const CLOSER = 64
/** No base64 has it. */
export const NO_BASE64 = 128
/** A letter that no hexadecimal has: every published key format has one. */
export const BEYOND_HEX = 256
/** Every word for an account (`acc`, `a/c`, `dda`, `checking`, `savings`) has an A or a K, every word for a birth a B, PRIVATE KEY a V. */
export const IN_ACCOUNT = 512, IN_BIRTH = 1024, IN_PRIVATE = 2048

/** No finding is shorter. */
export const MIN_BYTES = 4
/** A word as long as this, with a capital or a digit in it, may be a token (`anchors.ts`). */
export const MIN_TOKEN_WORD = 10
export const MIN_BASE64 = 12
/** Digits in one stretch of digits and signs, by what they may be; nine are a tax or routing number, ten a telephone's. */
export const MIN_CARD = 13, MIN_NUMBER = 9, MIN_IBAN = 7, MIN_ACCOUNT = 6, MIN_DATE = 4
/** Three dots make an IPv4 address; colons are looked at closer at once. */
export const MIN_DOTS = 3

export const kinds = new Uint16Array(256).fill(NO_BASE64)
const mark = (characters: string, kind: number) => { for (const character of characters) kinds[character.charCodeAt(0)] = kind }
mark('0123456789', DIGIT)
mark('ABCDEFGHIJKLMNOPQRSTUVWXYZ', UPPER | BEYOND_HEX)
mark('abcdef', LETTER)
mark('ghijklmnopqrstuvwxyz', LETTER | BEYOND_HEX)
for (const [letters, kind] of [['AaKk', IN_ACCOUNT], ['Bb', IN_BIRTH], ['V', IN_PRIVATE]] as const) for (const letter of letters) kinds[letter.charCodeAt(0)] = (kinds[letter.charCodeAt(0)] ?? 0) | kind
mark(' ()', BETWEEN | NO_BASE64)
mark('/', BETWEEN)
mark('.', BETWEEN | DOT | NO_BASE64)
mark('-', BETWEEN | DASH)
mark('_\r\n', 0)
mark('@%:=+{["\\\0', CLOSER)
// UTF-8 of letters that `fold.ts` leaves as they are (U+00C0–02FF, U+0380–047F, U+4000–9FFF, U+B000–CFFF), and bytes that are nobody's: letters
// to `anchors.ts`, too. What else is beyond ASCII may stand for a digit or a sign, or for nothing.
for (let byte = 0x80; byte < 0x100; byte++) {
  const isLetter = byte < 0xc0 || (byte >= 0xc3 && byte <= 0xcb) || (byte >= 0xce && byte <= 0xd1) || (byte >= 0xe4 && byte <= 0xe9) || byte === 0xeb || byte === 0xec
  kinds[byte] = isLetter ? LETTER | BEYOND_HEX | NO_BASE64 : CLOSER
}

/** Whether the member's name says nothing that could make a value sensitive which is not so by itself: only then a first look tells. */
export function isQuiet({ hint, isTelling }: Member): boolean {
  return !isTelling && !speaksOf(hint) && !isAccountName(hint) && !speaksOfBirth(hint)
}

/**
 * Of text in UTF-8 (what is none is read as U+FFFD) under a quiet name. True also for what may be a document or a `name: value` pair.
 * @param isText it may be base64, too; not so of types that print no text of anybody's
 */
export function mayHold(bytes: Uint8Array, start: number, end: number, isText: boolean): boolean {
  if (end - start < MIN_BYTES || isInstant(bytes, start, end)) return false
  let seen = 0, cluster = 0, widest = 0, dots = 0, word = 0, inWord = 0
  let hasToken = false
  let isJoined = false
  for (let at = start; at < end; at++) {
    const kind = kinds[bytes[at] as number] as number
    seen |= kind
    if ((kind & WORD) !== 0) {
      if (word > 0) inWord |= kind
      word++
      if ((kind & DIGIT) !== 0) {
        // Behind two letters: an IBAN begins so.
        if (cluster++ === 0 && word > 2 && !isDigit(bytes, at - 2)) isJoined = true
      } else {
        if (cluster > widest) widest = cluster
        cluster = 0
      }
      continue
    }
    if ((kind & CLOSER) !== 0) return true
    if (word >= MIN_TOKEN_WORD && (inWord & (DIGIT | UPPER)) !== 0) hasToken = true
    word = inWord = 0
    if ((kind & BETWEEN) === 0) {
      if (cluster > widest) widest = cluster
      cluster = 0
    } else if ((kind & DOT) !== 0) dots++
  }
  if (word >= MIN_TOKEN_WORD && (inWord & (DIGIT | UPPER)) !== 0) hasToken = true
  if (cluster > widest) widest = cluster
  return widest >= MIN_NUMBER
    || (hasToken && (seen & BEYOND_HEX) !== 0)
    || (dots >= MIN_DOTS && widest > 0)
    || (widest >= MIN_IBAN && isJoined)
    || (widest >= MIN_ACCOUNT && (seen & IN_ACCOUNT) !== 0)
    || (widest >= MIN_DATE && (seen & IN_BIRTH) !== 0)
    || ((seen & (IN_PRIVATE | DASH)) === (IN_PRIVATE | DASH))
    || (isText && end - start >= MIN_BASE64 && (seen & NO_BASE64) === 0)
}

/** Of a number as servers print it, under a quiet name: without a word beside it only a card number is somebody's. */
export function mayHoldNumber(bytes: Uint8Array, start: number, end: number): boolean {
  let digits = 0
  for (let at = start; at < end; at++) {
    const kind = kinds[bytes[at] as number] as number
    if ((kind & DIGIT) !== 0) digits++
    else if ((kind & (DOT | DASH)) === 0) return true     // an exponent, a currency
  }
  return digits >= MIN_CARD
}

export const SPACE = 0x20, PLUS = 0x2b, MINUS = 0x2d, POINT = 0x2e, COLON = 0x3a, T = 0x54
export const MAX_FRACTION = 6

/** `2024-05-06[ 07:08:09[.123456][+02[:30]]]`: has every sign of a number, and is somebody's only where a word says so. */
function isInstant(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 10 || bytes[start + 4] !== MINUS || bytes[start + 7] !== MINUS) return false
  if (!isPair(bytes, start) || !isPair(bytes, start + 2) || !isPair(bytes, start + 5) || !isPair(bytes, start + 8)) return false
  let at = start + 10
  if (at === end) return true
  if ((bytes[at] !== SPACE && bytes[at] !== T) || !isPair(bytes, at + 1) || bytes[at + 3] !== COLON || !isPair(bytes, at + 4) || bytes[at + 6] !== COLON || !isPair(bytes, at + 7)) return false
  at += 9
  if (at < end && bytes[at] === POINT) {
    const last = Math.min(end, at + 1 + MAX_FRACTION)
    do at++; while (at < last && isDigit(bytes, at))
  }
  if (at < end && (bytes[at] === PLUS || bytes[at] === MINUS) && isPair(bytes, at + 1)) {
    at += 3
    if (at < end && bytes[at] === COLON && isPair(bytes, at + 1)) at += 3
  }
  return at === end
}

function isPair(bytes: Uint8Array, at: number): boolean {
  return isDigit(bytes, at) && isDigit(bytes, at + 1)
}

function isDigit(bytes: Uint8Array, at: number): boolean {
  const byte = bytes[at] as number
  return byte >= 0x30 && byte <= 0x39
}
