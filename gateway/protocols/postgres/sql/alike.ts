// Texts that differ in nothing but whole numbers and plain strings (`… where id = 17 and name = 'Ada'`): one analysis serves them all, where that is
// certain (DESIGN.md, "Like texts").
import type { Analysis, Literal } from './analysis.ts'
import { walk, type Body } from './lineage/tree.ts'

// Three things make it certain. Outside of strings and quoted names such a text is letters, digits, blanks and a few marks, none of which opens a
// comment, a parameter, a sign or another kind of string, so the scanner (scan.l) takes each number for one ICONST and each string for one SCONST,
// whatever is in them: the texts are the same tokens, and so the same tree. In that tree each of them is an A_Const of its own. And whoever reads the
// value of one while the tree is analysed is seen doing it (`watch`): a constant that is read, as LIMIT, ORDER BY ordinals and set_config() are, or
// that is none of its own, as in float(24), must be the same.

/** UTF-16 units; longer texts are analysed each by itself. */
const maxUnits = 4_096
const maxConstants = 64
/** int4 holds every number of so many digits: it is an ICONST, and no FCONST. */
const maxDigits = 9

/** A text, taken apart: what stands between its constants, and where they are. All of it is ASCII, so characters are bytes. */
export interface Pattern { readonly frame: string; readonly starts: readonly number[]; readonly ends: readonly number[] }

/** Which constants of a pattern have to be the same, by their place in it. `all`: nothing to share. */
export type Fixed = readonly number[] | 'all'

type Read = Analysis & { readonly status: 'ok' }
/** The first of them, wholly analysed. */
export interface Model { readonly pattern: Pattern; readonly analysis: Read }

/** Stand where a number was, and a string. */
const mark = '\u0001'
const stringMark = '\u0002'
const WORD = 1, DIGIT = 2, OTHER = 3, BLANK = 4
/** By code; 0: no text with it is shared. `-`, `/`, `$`, `\`, `&` and all that is not ASCII are not here. */
const kinds = new Uint8Array(128)
for (const [letters, kind] of [['abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_', WORD], ['0123456789', DIGIT], ['(),;.=<>!*+:', OTHER], [' \t\n\r', BLANK]] as const) for (const letter of letters) kinds[letter.charCodeAt(0)] = kind
/** A constant may stand right behind these, and right before those; `1.5`, `5and`, `1_000`, `+5`, `E'…'` and `'it''s'` are something else. */
const before = new Set([...' \t\n\r(,=<>'].map((letter) => letter.charCodeAt(0)))
const behind = new Set([...' \t\n\r),;'].map((letter) => letter.charCodeAt(0)))
const QUOTE = 0x22, APOSTROPHE = 0x27, BACKSLASH = 0x5c

/** @returns undefined for a text that is not shared */
export function patternOf(text: string): Pattern | undefined {
  if (text.length > maxUnits) return undefined
  const starts: number[] = []
  const ends: number[] = []
  let frame = ''
  let copied = 0
  for (let at = 0; at < text.length;) {
    const code = text.charCodeAt(at)
    const kind = code < 128 ? kinds[code] : 0
    if (kind === WORD) at = wordEnd(text, at)
    else if (kind === DIGIT || code === APOSTROPHE) {
      const end = kind === DIGIT ? digitsEnd(text, at) : stringEnd(text, at)
      if (end === -1 || starts.length === maxConstants || !standsApart(text, at, end)) return undefined
      frame += text.slice(copied, at) + (kind === DIGIT ? mark : stringMark)
      starts.push(at)
      ends.push(end)
      copied = at = end
    } else if (code === QUOTE) {
      at = nameEnd(text, at)
      if (at === -1) return undefined
    } else if (kind === 0) return undefined
    else at++
  }
  return starts.length === 0 ? undefined : { frame: frame + text.slice(copied), starts, ends }
}

function wordEnd(text: string, from: number): number {
  let at = from + 1
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code >= 128 || (kinds[code] !== WORD && kinds[code] !== DIGIT)) break
  }
  return at
}

function standsApart(text: string, start: number, end: number): boolean {
  return start > 0 && before.has(text.charCodeAt(start - 1)) && (end === text.length || behind.has(text.charCodeAt(end)))
}

/** -1 where there are too many of them. */
function digitsEnd(text: string, from: number): number {
  let at = from + 1
  while (at < text.length && kinds[text.charCodeAt(at)] === DIGIT) at++
  return at - from > maxDigits ? -1 : at
}

/** Behind a string; -1 where it does not end, holds more than printable ASCII or a backslash, or may go on: behind blanks another part of it may stand. */
function stringEnd(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x20 || code > 0x7e || code === BACKSLASH) return -1
    if (code !== APOSTROPHE) continue
    const end = ++at
    while (at < text.length && kinds[text.charCodeAt(at)] === BLANK) at++
    return text.charCodeAt(at) === APOSTROPHE ? -1 : end
  }
  return -1
}

/** Behind a quoted name, whose digits are letters like others; -1 where it does not end, or holds more than printable ASCII. A doubled quote opens it again. */
function nameEnd(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at + 1
    if (code < 0x20 || code > 0x7e) return -1
  }
  return -1
}

/** By what texts that share an analysis are alike: the frame, and those constants that must be the same. */
export function keyOf({ frame, starts, ends }: Pattern, text: string, fixed: readonly number[]): string {
  if (fixed.length === 0) return frame
  let key = frame
  for (const at of fixed) key += `${mark}${at}${mark}${text.slice(starts[at], ends[at])}`
  return key
}

/** Statements whose grammar makes nothing of a constant but itself, or a part of a type. */
const shared = new Set(['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt'])

export interface Watch {
  /** When all that is known of the tree is worked out: those that were read, or are no constants of their own. */
  fixed(): Fixed
}

/** Replaces each constant in the tree by one that tells when it is read. */
export function watch(statements: readonly unknown[], pattern: Pattern, text: string): Watch {
  const { starts, ends } = pattern
  const isShared = statements.every((node) => typeof node === 'object' && node !== null && Object.keys(node).every((tag) => shared.has(tag)))
  const placeOf = new Map(starts.map((start, at) => [start, at]))
  const seen = new Set<number>()
  const free = new Set<number>()
  if (isShared) {
    walk(statements, (body, tag) => {
      const at = tag === 'A_Const' ? placeOf.get(Number(body['location'])) : undefined
      if (at === undefined) return
      // `(a, b) = (SELECT … 5)` has its source twice.
      if (seen.has(at)) free.delete(at)
      else {
        const kind = 'ival' in body ? 'ival' : 'sval'
        if (valueOf(body) === valueAt(text, starts[at] as number, ends[at] as number)) {
          const value = body[kind]
          free.add(at)
          Object.defineProperty(body, kind, { enumerable: true, get: () => { free.delete(at); return value } })
        }
      }
      seen.add(at)
    })
  }
  return { fixed: () => free.size === 0 ? 'all' : starts.flatMap((_, at) => free.has(at) ? [] : at) }
}

/** Zero and the empty string are left out of the tree's JSON. */
function valueOf({ ival, sval }: Body): unknown {
  if (typeof ival === 'object' && ival !== null) return (ival as Body)['ival'] ?? 0
  return typeof sval === 'object' && sval !== null ? (sval as Body)['sval'] ?? '' : undefined
}

function valueAt(text: string, start: number, end: number): number | string {
  return text.charCodeAt(start) === APOSTROPHE ? text.slice(start + 1, end - 1) : Number(text.slice(start, end))
}

/** Are its constants, but for `true` and `false`, those of the pattern? Where a name is missing is told of one text alone. */
export function isModel({ literals, statements }: Read, { starts, ends }: Pattern): boolean {
  if (statements.some(({ missing }) => missing !== undefined)) return false
  const others = literals.filter(({ value }) => typeof value !== 'boolean')
  return others.length === starts.length && others.every(({ start, end }, at) => start === starts[at] && end === ends[at])
}

/** The model's analysis, with the constants of this text: where they stand and what they say. */
export function likeModel({ pattern: known, analysis }: Model, { starts, ends }: Pattern, text: string): Analysis {
  let at = 0
  let shift = 0
  const literals = analysis.literals.map((literal): Literal => {
    const { value, columns, isAttributed } = literal
    if (literal.start !== known.starts[at]) return { start: literal.start + shift, end: literal.end + shift, value, columns, isAttributed }
    const [start, end] = [starts[at] as number, ends[at] as number]
    shift = end - (known.ends[at] as number)
    at++
    return { start, end, value: valueAt(text, start, end), columns, isAttributed }
  })
  return { ...analysis, literals }
}
