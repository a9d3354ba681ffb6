// One pass over a text's characters that says which detectors have anything to stand on. A clean text costs this pass only.

/** Bits of the answer; above them, from `CLUSTER_SHIFT` on, stands the cluster: most digits in one stretch of digits and the signs people put between them. */
export const ANCHOR = {
  /** A word of ten characters or more with a capital or a digit in it: every published key format has one. */
  token: 1, at: 2, plus: 4, dash: 8, assignment: 16, colon: 32,
  /** Three dots, two colons: what an IP address has at least. */
  dots: 64, colons: 128,
} as const
export const CLUSTER_SHIFT = 8
/** There is a character beyond ASCII: fold first. */
export const NOT_ASCII = -1
const MAX_CLUSTER = 0xffff

const DIGIT = 1, UPPER = 2, LOWER = 4, AT = 8, COLON = 16, DOT = 32, EQUALS = 64, PLUS = 128, DASH = 256, GAP = 512, BEYOND = 1024
const WORD = DIGIT | UPPER | LOWER
const BETWEEN = DOT | PLUS | DASH | GAP
const MIN_TOKEN_WORD = 10

const kinds = new Uint16Array(129)
for (let code = 0; code < 128; code++) {
  const character = String.fromCharCode(code)
  if (/\d/.test(character)) kinds[code] = DIGIT
  else if (/[A-Z]/.test(character)) kinds[code] = UPPER
  else if (/[a-z]/.test(character)) kinds[code] = LOWER
}
for (const [character, kind] of [['@', AT], ['%', AT], [':', COLON], ['.', DOT], ['=', EQUALS], ['+', PLUS], ['-', DASH], [' ', GAP], ['(', GAP], [')', GAP], ['/', GAP]] as const) kinds[character.charCodeAt(0)] = kind
// Everything beyond ASCII counts as a letter; `fold.ts` has made digits and signs of what are digits and signs.
kinds[128] = LOWER | BEYOND

/** Shorter texts are through the loop before an expression has started. */
const MIN_PROSE = 64
/** What prose seldom has and every anchor needs: a digit, a sign, a capital inside a word. Without digits dots and colons are no address. */
const NO_PROSE = /[\d@%:=+\-\u0080-\uffff]/
const INNER_CAPITAL = /[A-Za-z][A-Z]/

/** A number and not an object, because most texts of most calls end here. */
export function findAnchors(text: string, isFolded: boolean): number {
  if (text.length >= MIN_PROSE && !NO_PROSE.test(text) && !INNER_CAPITAL.test(text)) return 0
  let seen = 0, cluster = 0, widest = 0, dots = 0, colons = 0, word = 0, inWord = 0
  let hasToken = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    const kind = kinds[code > 127 ? 128 : code] as number
    seen |= kind
    if ((kind & WORD) !== 0) {
      if (word++ > 0) inWord |= kind
      if (kind === DIGIT) cluster++
      else {
        if (cluster > widest) widest = cluster
        cluster = 0
      }
      continue
    }
    if (word >= MIN_TOKEN_WORD && (inWord & (DIGIT | UPPER)) !== 0) hasToken = true
    word = inWord = 0
    if (kind === DOT) dots++
    else if ((kind & BETWEEN) === 0) {
      if (kind === COLON) colons++
      if (cluster > widest) widest = cluster
      cluster = 0
    }
  }
  if (word >= MIN_TOKEN_WORD && (inWord & (DIGIT | UPPER)) !== 0) hasToken = true
  if ((seen & BEYOND) !== 0 && !isFolded) return NOT_ASCII
  return Math.min(Math.max(cluster, widest), MAX_CLUSTER) << CLUSTER_SHIFT
    | (hasToken ? ANCHOR.token : 0) | ((seen & AT) !== 0 ? ANCHOR.at : 0) | ((seen & PLUS) !== 0 ? ANCHOR.plus : 0) | ((seen & DASH) !== 0 ? ANCHOR.dash : 0)
    | ((seen & (EQUALS | COLON)) !== 0 ? ANCHOR.assignment : 0) | (colons > 0 ? ANCHOR.colon : 0) | (dots >= 3 ? ANCHOR.dots : 0) | (colons >= 2 ? ANCHOR.colons : 0)
}
