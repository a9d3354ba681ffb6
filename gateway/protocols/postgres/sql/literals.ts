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
  /** Columns that a constant is compared with or written to. No entry: nobody knows. */
  readonly columns: ReadonlyMap<number, readonly BaseColumn[]>
}

export interface Shape { readonly literals: readonly Literal[]; readonly shape: string }

/** `$n` of the shape count on from the highest `$n` of the text itself. */
export function readShape(text: string, constants: Constants): Shape {
  const tokens = readTokens(text)
  let next = highestParameter(text, tokens) + 1
  const literals: Literal[] = []
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
    const isSigned = token.kind === 'other' && text[token.start] === '-' && following?.kind === 'number' && constants.locations.has(token.byte)
    const isBoolean = token.kind === 'word' && constants.booleans.has(token.byte)
    if (!isSigned && !isBoolean && token.kind !== 'string' && token.kind !== 'number') continue
    const last = isSigned ? following : token
    if (isSigned) i++
    const columns = columnsOf(constants, token, text)
    literals.push({
      start: token.byte, end: token.byte + Buffer.byteLength(text.slice(token.start, last.end)), value: valueOf(text, token, last),
      columns: columns ?? [], isAttributed: columns !== undefined,
    })
    shape += `${text.slice(copied, token.start)}${separator(text, token.start)}$${next++}`
    copied = last.end
    if (isWordLike(text.charCodeAt(copied))) shape += ' '
  }
  return { literals, shape: (shape + text.slice(copied)).trim() }
}

/** N'…' is two tokens to the parser: its constant starts at the quote. */
function columnsOf(constants: Constants, token: Token, text: string): readonly BaseColumn[] | undefined {
  const isNational = token.kind === 'string' && (text.charCodeAt(token.start) | 0x20) === 0x6e
  return constants.columns.get(isNational ? token.byte + 1 : token.byte)
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
