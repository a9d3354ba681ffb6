// Other ways to write a digit. Detectors read ASCII; this folds what people and attackers write instead (Unicode decimal digits,
// full-width forms, dashes, spaces, invisible characters) and maps findings back to the original text.
import type { Finding } from './finding.ts'

export interface Folded {
  readonly text: string
  /** offset in `text` → offset in the original; one entry more than characters */
  readonly origin: Uint32Array
}

export function fold(text: string): Folded {
  let folded = ''
  const origin = new Uint32Array(text.length + 1)
  let at = 0
  for (const character of text) {
    const replacement = character.length === 1 && character < '\u0080' ? character : foldOne(character)
    for (let i = 0; i < replacement.length; i++) origin[folded.length + i] = at
    folded += replacement
    at += character.length
  }
  origin[folded.length] = at
  return { text: folded, origin }
}

/** At most as long as what it replaces, so that `origin` fits. */
function foldOne(character: string): string {
  const code = character.codePointAt(0) ?? 0
  if ((code >= 0xc0 && code < 0x300) || (code >= 0x370 && code < 0x483) || (code >= 0x3400 && code < 0xa000) || (code >= 0xac00 && code < 0xd7a4)) return character
  if (code >= 0xff01 && code <= 0xff5e) return String.fromCharCode(code - 0xfee0)
  if (/\p{Nd}/u.test(character)) return String(digitValue(code))
  if (/\p{No}/u.test(character)) return /^\d$/.exec(character.normalize('NFKC'))?.[0] ?? character   // superscripts, digits in circles
  if (/[\p{Pd}\u2212\u00b7\u30fc]/u.test(character)) return '-'
  if (/\p{Zs}/u.test(character)) return ' '
  if (/[\p{Cf}\p{Mn}\p{Me}\u3164\uffa0]/u.test(character)) return ''
  return character
}

/** Unicode encodes decimal digits in runs of ten, so the value is the distance from the start of the run, modulo ten. */
function digitValue(code: number): number {
  let first = code
  while (code - first < 60 && /\p{Nd}/u.test(String.fromCodePoint(first - 1))) first--
  return (code - first) % 10
}

export function unfold(finding: Finding, folded: Folded): Finding {
  return { start: folded.origin[finding.start] ?? 0, end: folded.origin[finding.end] ?? 0, class: finding.class }
}
