// What the parsers of queries and of schemas share: one token ahead, the comments before it, and names, types and values.
import { createLexer, GraphqlError, GraphqlLimit } from './lexer.ts'
import type { Lexer, Token, TokenKind } from './lexer.ts'
import { kind } from './syntax.ts'
import type { Argument, ChildValue, Comments, Directive, TypeNode, ValueNode } from './syntax.ts'

/** Selections, lists and objects inside one another. */
const maxDepth = 128

export class Reader {
  #lexer: Lexer
  #ahead: Token | undefined
  #comments: Comments | undefined
  #depth = 0

  /** @param maxLength of the document, in characters. @throws GraphqlLimit */
  constructor(text: string, maxLength: number) {
    if (text.length > maxLength) throw new GraphqlLimit('a document that is too large')
    this.#lexer = createLexer(text)
  }

  /** The next token that is no comment. */
  peek(): Token {
    if (this.#ahead === undefined) {
      const list: { Value: string }[] = []
      let token = this.#lexer()
      for (; token.kind === 'comment'; token = this.#lexer()) list.push({ Value: token.value })
      if (list.length > 0) this.#comments = { List: list }
      this.#ahead = token
    }
    return this.#ahead
  }

  /** Those directly before the next token. */
  get comments(): Comments | undefined {
    this.peek()
    return this.#comments
  }

  next(): Token {
    const token = this.peek()
    this.#ahead = undefined
    this.#comments = undefined
    return token
  }

  isMark(value: string): boolean {
    const token = this.peek()
    return token.kind === 'mark' && token.value === value
  }

  isName(value: string): boolean {
    const token = this.peek()
    return token.kind === 'name' && token.value === value
  }

  skip(mark: string): boolean {
    return this.isMark(mark) && this.next() !== undefined
  }

  mark(value: string): void {
    if (!this.skip(value)) throw new GraphqlError('another token')
  }

  keyword(value: string): void {
    if (!this.isName(value)) throw new GraphqlError('another word')
    this.next()
  }

  name(): string {
    return this.#take('name')
  }

  /** What stands between `start` and `end`; the comments before `end` are given to `last`. Nothing where `start` is not. */
  some<T>(start: string, end: string, read: () => T, last?: (comments: Comments | undefined) => void): T[] {
    const items = this.#between(start, end, read, last)
    if (items?.length === 0) throw new GraphqlError('a list without members')
    return items ?? []
  }

  directives(isConst: boolean): Directive[] {
    const directives: Directive[] = []
    while (this.skip('@')) directives.push({ Name: this.name(), Arguments: this.args(isConst), Location: '' })
    return directives
  }

  args(isConst: boolean): Argument[] {
    return this.some('(', ')', () => this.#named(isConst))
  }

  variable(): string {
    this.mark('$')
    return this.name()
  }

  type(): TypeNode {
    return this.nested(() => {
      const isList = this.skip('[')
      const inner = isList ? { NamedType: '', Elem: this.type() } : { NamedType: this.name() }
      if (isList) this.mark(']')
      return { ...inner, NonNull: this.skip('!') }
    })
  }

  value(isConst: boolean): ValueNode {
    const comments = this.comments
    const token = this.peek()
    if (this.isMark('[')) {
      const values = this.nested(() => this.#between('[', ']', () => ({ Name: '', Value: this.value(isConst) })))
      return { Raw: '', Children: values, Kind: kind.list, Comment: comments, ExpectedTypeHasDefault: false }
    }
    if (this.isMark('{')) {
      const fields = this.nested(() => this.#between('{', '}', () => this.#named(isConst)))
      return { Raw: '', Children: fields, Kind: kind.object, Comment: comments, ExpectedTypeHasDefault: false }
    }
    if (this.isMark('$') && !isConst) return { Raw: this.variable(), Kind: kind.variable, ExpectedTypeHasDefault: false }
    this.next()
    if (token.kind === 'name') return { Raw: token.value, Kind: token.value === 'null' ? kind.null : token.value === 'true' || token.value === 'false' ? kind.boolean : kind.enum, ExpectedTypeHasDefault: false }
    if (token.kind === 'int' || token.kind === 'float' || token.kind === 'string' || token.kind === 'block') return { Raw: token.value, Kind: kind[token.kind], ExpectedTypeHasDefault: false }
    throw new GraphqlError('no value')
  }

  nested<T>(read: () => T): T {
    if (++this.#depth > maxDepth) throw new GraphqlLimit('a document that is nested too deep')
    const value = read()
    this.#depth--
    return value
  }

  #named(isConst: boolean): ChildValue {
    const Comment = this.comments
    const Name = this.name()
    this.mark(':')
    return { Name, Value: this.value(isConst), Comment }
  }

  #between<T>(start: string, end: string, read: () => T, last?: (comments: Comments | undefined) => void): T[] | undefined {
    if (!this.skip(start)) return undefined
    const items: T[] = []
    while (!this.isMark(end)) items.push(read())
    last?.(this.comments)
    this.next()
    return items
  }

  #take(expected: TokenKind): string {
    const token = this.next()
    if (token.kind !== expected) throw new GraphqlError('another token')
    return token.value
  }
}
