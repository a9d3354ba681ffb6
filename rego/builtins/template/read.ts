// A Go template (text/template) as a tree: text, values, `if`, `range` and `with`. What is not here, `define` and its kin, is no template.

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'show'; readonly pipe: Pipe }
  | Branch
  | { readonly kind: 'break' | 'continue' }

export interface Branch { readonly kind: 'if' | 'with' | 'range'; readonly pipe: Pipe; readonly body: readonly Node[]; readonly otherwise: readonly Node[] }

/** `$i, $x := first args | second args`. */
export interface Pipe { readonly names: readonly string[]; readonly isAssigned: boolean; readonly commands: readonly (readonly Term[])[] }

export type Term =
  | { readonly kind: 'dot' | 'nil' }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'integer'; readonly value: bigint }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'variable' | 'function'; readonly name: string }
  /** Names that are looked up in turn. */
  | { readonly kind: 'field'; readonly of: Term; readonly names: readonly string[] }
  | { readonly kind: 'pipe'; readonly pipe: Pipe }

/** Characters of a template. */
const maxTemplateLength = 65_536
/** `if`, `range`, `with` and parentheses inside one another. */
const maxDepth = 64

export class NoTemplate extends Error {}

/** @throws NoTemplate */
export function readTemplate(text: string): readonly Node[] {
  if (text.length > maxTemplateLength) throw new NoTemplate()
  const reader = new Reader(pieces(text))
  const nodes = reader.list(0)
  if (!reader.isAtEnd) throw new NoTemplate()
  return nodes
}

type Piece = { readonly text: string } | { readonly tokens: readonly string[] }

const token = /\s+|:=|[|(),=]|"(?:[^"\\\n]|\\[^\n])*"|`[^`]*`|\$[\p{L}\p{N}_]*|\.[\p{L}_][\p{L}\p{N}_]*|\.|[+-]?[0-9]+(?![0-9.eExXoObBp_i])|[\p{L}_][\p{L}\p{N}_]*/uy

// Text and actions in turn. `{{- ` and ` -}}` take the white space beside them away.
function pieces(template: string): readonly Piece[] {
  const found: Piece[] = []
  let at = 0
  let isTrimmed = false
  for (;;) {
    const open = template.indexOf('{{', at)
    const trimsBefore = open >= 0 && /^-[ \t\r\n]/.test(template.slice(open + 2, open + 4))
    let text = template.slice(at, open < 0 ? undefined : open)
    if (isTrimmed) text = text.replace(/^[ \t\r\n]+/, '')
    if (trimsBefore) text = text.trimEnd()
    if (text !== '') found.push({ text })
    if (open < 0) return found
    at = open + 2 + (trimsBefore ? 2 : 0)
    const comment = template.startsWith('/*', at)
    const tokens: string[] = []
    if (comment) {
      const end = template.indexOf('*/', at + 2)
      if (end < 0) throw new NoTemplate()
      at = end + 2
    } else {
      for (token.lastIndex = at; !isActionEnd(template, at); at = token.lastIndex) {
        const [word] = token.exec(template) ?? []
        if (word === undefined) throw new NoTemplate()
        tokens.push(/^\s/.test(word) ? ' ' : word)
      }
      found.push({ tokens })
    }
    isTrimmed = /^[ \t\r\n]-\}\}/.test(template.slice(at, at + 4))
    if (!isTrimmed && !template.startsWith('}}', at)) throw new NoTemplate()
    at += isTrimmed ? 4 : 2
  }
}

function isActionEnd(template: string, at: number): boolean {
  if (at >= template.length) throw new NoTemplate()
  return template.startsWith('}}', at) || /^[ \t\r\n]-\}\}/.test(template.slice(at, at + 4))
}

class Reader {
  readonly #pieces: readonly Piece[]
  #at = 0
  #loops = 0

  constructor(all: readonly Piece[]) {
    this.#pieces = all
  }

  get isAtEnd(): boolean { return this.#at >= this.#pieces.length }

  /** Up to an `else` or `end`, which is left to whoever asked. */
  list(depth: number): Node[] {
    if (depth > maxDepth) throw new NoTemplate()
    const nodes: Node[] = []
    for (let piece = this.#pieces[this.#at]; piece; piece = this.#pieces[this.#at]) {
      if ('text' in piece) {
        nodes.push({ kind: 'text', text: piece.text })
        this.#at++
        continue
      }
      const words = new Words(piece.tokens)
      const head = words.head
      if (head === 'end' || head === 'else') return nodes
      this.#at++
      if (head === 'if' || head === 'range' || head === 'with') nodes.push(this.#block(head, words, depth))
      else if (head === 'break' || head === 'continue') {
        words.next()
        words.end()
        if (this.#loops === 0) throw new NoTemplate()
        nodes.push({ kind: head })
      } else nodes.push({ kind: 'show', pipe: words.whole() })
    }
    return nodes
  }

  #block(kind: 'if' | 'range' | 'with', words: Words, depth: number): Node {
    words.next()
    const pipe = words.whole(kind === 'range')
    if (kind === 'range') this.#loops++
    const body = this.list(depth + 1)
    if (kind === 'range') this.#loops--
    const closing = this.#closing()
    if (closing.head === 'end') {
      closing.next()
      closing.end()
      return { kind, pipe, body, otherwise: [] }
    }
    closing.next()
    // `else if` and `else with` end with the same `end`.
    if (closing.head === kind && kind !== 'range') return { kind, pipe, body, otherwise: [this.#block(kind, closing, depth + 1)] }
    closing.end()
    const otherwise = this.list(depth + 1)
    const last = this.#closing()
    if (last.next() !== 'end') throw new NoTemplate()
    last.end()
    return { kind, pipe, body, otherwise }
  }

  #closing(): Words {
    const piece = this.#pieces[this.#at++]
    if (!piece || 'text' in piece) throw new NoTemplate()
    return new Words(piece.tokens)
  }
}

/** All that Go has, called or not: a template that names another is none. */
const functionNames = new Set(['and', 'or', 'not', 'eq', 'ne', 'lt', 'le', 'gt', 'ge', 'len', 'index', 'slice', 'print', 'printf', 'println', 'html', 'js', 'urlquery', 'call'])

class Words {
  readonly #words: readonly string[]
  #at = 0

  constructor(words: readonly string[]) {
    this.#words = words
  }

  #skip(): void {
    while (this.#words[this.#at] === ' ') this.#at++
  }

  get head(): string | undefined {
    this.#skip()
    return this.#words[this.#at]
  }

  next(): string | undefined {
    this.#skip()
    return this.#words[this.#at++]
  }

  end(): void {
    if (this.head !== undefined) throw new NoTemplate()
  }

  whole(mayHaveTwoNames = false): Pipe {
    const pipe = this.#pipe(0, mayHaveTwoNames)
    this.end()
    return pipe
  }

  #pipe(depth: number, mayHaveTwoNames: boolean): Pipe {
    if (depth > maxDepth) throw new NoTemplate()
    const names: string[] = []
    const start = this.#at
    let isAssigned = false
    while (this.head?.startsWith('$')) {
      names.push(this.next() ?? '')
      if (this.head !== ',' || !mayHaveTwoNames || names.length === 2) break
      this.next()
    }
    if (names.length > 0 && (this.head === ':=' || this.head === '=')) isAssigned = this.next() === '='
    else {
      names.length = 0
      this.#at = start
    }
    const commands: Term[][] = []
    for (;;) {
      commands.push(this.#command(depth))
      if (this.head !== '|') break
      this.next()
    }
    // Behind a bar there must be something that can be called.
    if (commands.slice(1).some(([first]) => first?.kind !== 'function')) throw new NoTemplate()
    return { names, isAssigned, commands }
  }

  #command(depth: number): Term[] {
    const terms: Term[] = []
    while (this.head !== undefined && this.head !== '|' && this.head !== ')') terms.push(this.#term(depth))
    if (terms.length === 0) throw new NoTemplate()
    return terms
  }

  #term(depth: number): Term {
    const word = this.next() ?? ''
    let term = this.#operand(word, depth)
    const names = word.startsWith('.') && word !== '.' ? [word.slice(1)] : []
    // A field stands right behind what it is of.
    for (let next = this.#words[this.#at]; next?.startsWith('.') && next !== '.'; next = this.#words[++this.#at]) names.push(next.slice(1))
    const following = this.#words[this.#at]
    if (following !== undefined && following !== ' ' && following !== '|' && following !== ')') throw new NoTemplate()
    if (names.length > 0) {
      if (term.kind === 'text' || term.kind === 'integer' || term.kind === 'boolean' || term.kind === 'nil' || term.kind === 'function') throw new NoTemplate()
      term = { kind: 'field', of: term, names }
    }
    return term
  }

  #operand(word: string, depth: number): Term {
    if (word === '(') {
      const pipe = this.#pipe(depth + 1, false)
      if (this.next() !== ')') throw new NoTemplate()
      return { kind: 'pipe', pipe }
    }
    if (word.startsWith('.')) return { kind: 'dot' }
    if (word.startsWith('$')) return { kind: 'variable', name: word }
    if (word.startsWith('`')) return { kind: 'text', text: word.slice(1, -1) }
    if (word.startsWith('"')) return { kind: 'text', text: unquote(word) }
    if (/^[+-]?(?:0|[1-9][0-9]{0,17})$/.test(word)) return { kind: 'integer', value: BigInt(word.replace('+', '')) }
    if (word === 'true' || word === 'false') return { kind: 'boolean', value: word === 'true' }
    if (word === 'nil') return { kind: 'nil' }
    if (functionNames.has(word)) return { kind: 'function', name: word }
    throw new NoTemplate()
  }
}

// Of Go's escapes, those that JSON has too.
function unquote(word: string): string {
  try {
    return JSON.parse(word) as string
  } catch (cause) {
    throw new NoTemplate('', { cause })
  }
}
