// The constants of a text, what each says, and the text without them: what policy, approvers and the record may see of a statement.
// Every constant goes, whether or not the parse tree knows what it is for; comments go too, for they can carry data.
import type { BaseColumn, Literal } from './analysis.ts'
import { unquote } from './unquote.ts'
import { readTokens } from './tokens.ts'
import type { Token } from './tokens.ts'

/** What the parse tree says of a constant, by where it starts in bytes. */
export interface Constants {
  /** Starts of A_Const nodes: a `-` that starts one belongs to the number behind it. */
  readonly locations: ReadonlySet<number>
  /** Starts of `true` and `false` that are constants. */
  readonly booleans: ReadonlySet<number>
}

/** `at`: where the parse tree says that it starts. */
export interface Constant extends Pick<Literal, 'start' | 'end' | 'value'> { readonly at: number }
export interface Shape { readonly constants: readonly Constant[]; readonly shape: string }

/** Literals and parameters that policy is shown each. */
export const maxShownValues = 1_000

/** `$n` of the shape count on from the highest `$n` of the text itself. */
export function readShape(text: string, marks: Constants): Shape {
  const tokens = readTokens(text)
  let next = highestParameter(text, tokens) + 1
  const constants: Constant[] = []
  let shape = ''
  let copied = 0
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] as Token
    const following = tokens[i + 1]
    if (token.kind === 'comment') {
      shape += `${text.slice(copied, token.start)} `
      copied = token.end
      continue
    }
    const isSigned = token.kind === 'other' && text[token.start] === '-' && following?.kind === 'number' && marks.locations.has(token.byte)
    const isBoolean = token.kind === 'word' && marks.booleans.has(token.byte)
    if (!isSigned && !isBoolean && token.kind !== 'string' && token.kind !== 'number') continue
    const last = isSigned ? following : token
    if (isSigned) i++
    constants.push({ start: token.byte, end: token.byte + Buffer.byteLength(text.slice(token.start, last.end)), value: valueOf(text, token, last), at: placeOf(token, text) })
    shape += `${text.slice(copied, token.start)}${separator(text, token.start)}$${next++}`
    copied = last.end
    if (isWordLike(text.charCodeAt(copied))) shape += ' '
  }
  return { constants, shape: (shape + text.slice(copied)).trim() }
}

/** N'…' is two tokens to the parser: its constant starts at the quote. */
function placeOf(token: Token, text: string): number {
  const isNational = token.kind === 'string' && (text.charCodeAt(token.start) | 0x20) === 0x6e
  return isNational ? token.byte + 1 : token.byte
}

/** @param columns that a constant is compared with or written to, by where it starts; no entry: nobody knows */
export function attributed(constants: readonly Constant[], columns: ReadonlyMap<number, readonly BaseColumn[]>): Literal[] {
  return constants.map(({ start, end, value, at }): Literal => {
    const met = columns.get(at)
    return { start, end, value, columns: met ?? [], isAttributed: met !== undefined }
  })
}

function valueOf(text: string, first: Token, last: Token): string | number | boolean {
  const source = text.slice(first.start, last.end)
  if (first.kind === 'word') return source.toLowerCase() === 'true'
  if (first.kind === 'string') return unquote(source)
  const number = source.replaceAll('_', '').replaceAll(/\s/g, '')
  const value = Number(number)
  return Number.isSafeInteger(value) && /^-?\d+$/.test(number) ? value : number
}

/** A constant may stand right behind a word or a parameter (`x'1'`, `$1'2'`); what replaces it must not grow into it. */
function separator(text: string, at: number): string {
  return at > 0 && isWordLike(text.charCodeAt(at - 1)) ? ' ' : ''
}

function isWordLike(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a) || code === 0x5f || code === 0x24 || code >= 0x80
}

function highestParameter(text: string, tokens: readonly Token[]): number {
  let highest = 0
  for (const { kind, start, end } of tokens) if (kind === 'parameter') highest = Math.max(highest, Math.min(Number(text.slice(start + 1, end)), maxParameter))
  return highest
}

/** Bind counts parameters in 16 bits. */
const maxParameter = 65_535
