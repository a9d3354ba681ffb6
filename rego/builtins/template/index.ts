// `strings.render_template`: Go's text/template over JSON, in which a number is its text (json.Number). What is not ported (float
// constants, `define`, `html`, `call` …) leaves the call undefined, as an error of the template does.
import { membersOf } from '../operand.ts'
import type { MakerFamily } from '../operand.ts'
import { sprintf } from '../sprintf.ts'
import { compareTexts, quote } from '../text.ts'
import type { Spend, Value } from '../value.ts'
import { NoTemplate, readTemplate } from './read.ts'
import type { Branch, Node, Pipe, Term } from './read.ts'

/** Of the answer. */
const maxTextLength = 65_536
/** Nodes and terms that one rendering may visit. */
const maxSteps = 100_000

export const template: MakerFamily = [['strings.render_template', spend => (text, values) => {
  const members = membersOf(values)
  if (typeof text !== 'string' || !members) return undefined
  try {
    return new Rendering(toData(values), spend).render(readTemplate(text)).replaceAll('<no value>', '<undefined>')
  } catch (cause) {
    if (cause instanceof NoTemplate) return undefined
    throw cause
  }
}]]

/** `undefined`: nothing at all, which a name is that is not there. `null` is JSON's. An integer is one of the template's own. */
type Data = undefined | null | boolean | string | bigint | { readonly number: string } | readonly Data[] | ReadonlyMap<string, Data>

// OPA gives the template what its own text of the values reads as in JSON: a set, a name that is no text and some characters do not.
function toData(value: Value): Data {
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'string') return readable(value)
  if ('number' in value) return value
  if ('array' in value) return value.array.map(toData)
  if ('set' in value) throw new NoTemplate()
  return new Map([...value.object].sort(([a], [b]) => compareTexts(String(a), String(b))).map(([name, member]) => {
    if (typeof name !== 'string') throw new NoTemplate()
    return [readable(name), toData(member)]
  }))
}

function readable(text: string): string {
  if (/\\[xavU]/.test(quote(text, false).replaceAll('\\\\', ''))) throw new NoTemplate()
  return text
}

type Signal = 'break' | 'continue' | undefined

class Rendering {
  readonly #root: Data
  readonly #spend: Spend
  #variables: [string, Data][]
  #text = ''
  #steps = 0

  constructor(root: Data, spend: Spend) {
    this.#root = root
    this.#spend = spend
    this.#variables = [['$', root]]
  }

  render(nodes: readonly Node[]): string {
    this.#list(nodes, this.#root)
    return this.#text
  }

  #list(nodes: readonly Node[], dot: Data): Signal {
    for (const node of nodes) {
      this.#step()
      const signal = this.#node(node, dot)
      if (signal) return signal
    }
    return undefined
  }

  #step(): void {
    this.#steps++
    this.#spend(64)
    if (this.#steps > maxSteps) throw new NoTemplate()
  }

  #write(text: string): void {
    this.#text += text
    if (this.#text.length > maxTextLength) throw new NoTemplate()
  }

  #node(node: Node, dot: Data): Signal {
    if (node.kind === 'text') {
      this.#write(node.text)
      return undefined
    }
    if (node.kind === 'show') {
      const value = this.#pipe(node.pipe, dot)
      if (node.pipe.names.length === 0) this.#write(value === undefined || value === null ? '<no value>' : print(value))
      return undefined
    }
    if (!('pipe' in node)) return node.kind
    const mark = this.#variables.length
    const signal = node.kind === 'range' ? this.#range(node, dot) : this.#choose(node, dot)
    this.#variables.length = mark
    return signal
  }

  #choose(node: Branch, dot: Data): Signal {
    const value = this.#pipe(node.pipe, dot)
    if (!isTrue(value)) return this.#list(node.otherwise, dot)
    return this.#list(node.body, node.kind === 'with' ? value : dot)
  }

  #range(node: Branch, dot: Data): Signal {
    const value = this.#value(node.pipe, dot)
    const items = itemsOf(value)
    if (items.length === 0) return this.#list(node.otherwise, dot)
    const [first, second] = node.pipe.names
    if (second !== undefined && typeof value === 'bigint') throw new NoTemplate()
    for (const [index, item] of items) {
      const mark = this.#variables.length
      if (first !== undefined) this.#set(first, second === undefined ? item : index, node.pipe.isAssigned)
      if (second !== undefined) this.#set(second, item, node.pipe.isAssigned)
      const signal = this.#list(node.body, item)
      this.#variables.length = mark
      if (signal === 'break') break
    }
    return undefined
  }

  #set(name: string, value: Data, isAssigned: boolean): void {
    if (!isAssigned) { this.#variables.push([name, value]); return }
    const known = this.#variables.findLast(([other]) => other === name)
    if (!known) throw new NoTemplate()
    known[1] = value
  }

  #pipe(pipe: Pipe, dot: Data): Data {
    const value = this.#value(pipe, dot)
    for (const name of pipe.names) this.#set(name, value, pipe.isAssigned)
    return value
  }

  #value(pipe: Pipe, dot: Data): Data {
    return pipe.commands.reduce<{ readonly last: readonly Data[] }>(({ last }, command) => ({ last: [this.#command(command, last, dot)] }), { last: [] }).last[0]
  }

  #command([head, ...rest]: readonly Term[], last: readonly Data[], dot: Data): Data {
    if (head?.kind === 'function') return this.#call(head.name, rest, last, dot)
    if (!head || head.kind === 'nil' || rest.length > 0) throw new NoTemplate()
    return this.#term(head, dot)
  }

  #term(term: Term, dot: Data): Data {
    this.#step()
    switch (term.kind) {
      case 'dot': return dot
      case 'nil': return null
      case 'text': return term.text
      case 'integer':
      case 'boolean': return term.value
      case 'function': return this.#call(term.name, [], [], dot)
      case 'pipe': return this.#value(term.pipe.names.length === 0 ? term.pipe : refused(), dot)
      case 'variable': {
        const known = this.#variables.findLast(([name]) => name === term.name)
        if (!known) throw new NoTemplate()
        return known[1]
      }
      case 'field': return term.names.reduce<Data>(memberOf, this.#term(term.of, dot))
    }
  }

  #call(name: string, terms: readonly Term[], last: readonly Data[], dot: Data): Data {
    // The one pair that does not look at all of its arguments.
    if (name === 'and' || name === 'or') {
      let value: Data
      for (const [at, term] of terms.entries()) {
        value = this.#term(term, dot)
        if (isTrue(value) === (name === 'or') || (at === terms.length - 1 && last.length === 0)) return value
      }
      if (terms.length + last.length === 0) throw new NoTemplate()
      return last[0]
    }
    const run = Object.hasOwn(functions, name) ? functions[name] : undefined
    if (!run) throw new NoTemplate()
    return run([...terms.map(term => this.#term(term, dot)), ...last])
  }
}

function refused(): never {
  throw new NoTemplate()
}

function memberOf(value: Data, name: string): Data {
  if (value === undefined) return undefined
  return isMap(value) ? value.get(name) : refused()
}

function isMap(value: Data): value is ReadonlyMap<string, Data> {
  return value instanceof Map
}

function isNumber(value: Data): value is { readonly number: string } {
  return typeof value === 'object' && value !== null && 'number' in value
}

function isTrue(value: Data): boolean {
  if (value === undefined || value === null) return false
  if (typeof value === 'boolean') return value
  if (typeof value === 'bigint') return value !== 0n
  // A number out of JSON is text, and no text of a number is empty.
  if (isNumber(value)) return true
  return isMap(value) ? value.size > 0 : value.length > 0
}

function itemsOf(value: Data): readonly (readonly [Data, Data])[] {
  if (value === undefined || value === null) return []
  if (isMap(value)) return [...value]
  if (Array.isArray(value)) return value.map((item: Data, at) => [BigInt(at), item] as const)
  if (typeof value !== 'bigint' || value > BigInt(maxSteps)) return refused()
  return Array.from({ length: Math.max(Number(value), 0) }, (_item, at) => [undefined, BigInt(at)] as const)
}

/** As fmt prints it. */
function print(value: Data): string {
  if (value === undefined || value === null) return '<nil>'
  if (isNumber(value)) return value.number
  if (isMap(value)) return `map[${[...value].map(([name, member]) => `${name}:${print(member)}`).join(' ')}]`
  return typeof value === 'object' ? `[${value.map(print).join(' ')}]` : String(value)
}

/** Go's kind of value for comparisons: a number out of JSON is text there too. */
function comparable(value: Data): string | boolean | bigint {
  if (isNumber(value)) return value.number
  return typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint' ? value : refused()
}

function isEqual(left: Data, right: Data): boolean {
  const [a, b] = [comparable(left), comparable(right)]
  return typeof a === typeof b ? a === b : refused()
}

function isLess(left: Data, right: Data): boolean {
  const [a, b] = [comparable(left), comparable(right)]
  if (typeof a === 'string' && typeof b === 'string') return compareTexts(a, b) < 0
  return typeof a === 'bigint' && typeof b === 'bigint' ? a < b : refused()
}

function two(work: (left: Data, right: Data) => boolean): (values: readonly Data[]) => Data {
  return values => values.length === 2 ? work(values[0], values[1]) : refused()
}

const isText = (value: Data) => typeof value === 'string' || isNumber(value)

const functions: Readonly<Record<string, (values: readonly Data[]) => Data>> = {
  not: values => values.length === 1 ? !isTrue(values[0]) : refused(),
  eq: ([first, ...others]) => others.length > 0 ? others.some(other => isEqual(first, other)) : refused(),
  ne: two((a, b) => !isEqual(a, b)),
  lt: two(isLess),
  le: two((a, b) => isLess(a, b) || isEqual(a, b)),
  gt: two((a, b) => !isLess(a, b) && !isEqual(a, b)),
  ge: two((a, b) => !isLess(a, b)),
  len: values => {
    const [value] = values
    if (values.length !== 1 || value === undefined || value === null) return refused()
    if (typeof value === 'string' || isNumber(value)) return BigInt(Buffer.byteLength(print(value)))
    return isMap(value) ? BigInt(value.size) : Array.isArray(value) ? BigInt(value.length) : refused()
  },
  index: ([first, ...keys]) => keys.reduce<Data>((value, key) => {
    if (isMap(value)) return typeof key === 'string' ? value.get(key) : refused()
    if (!Array.isArray(value) || typeof key !== 'bigint' || key < 0n || key >= BigInt(value.length)) return refused()
    return value[Number(key)] as Data
  }, first),
  // A space stands between two values of which neither is text.
  print: values => values.map((value, at) => (at > 0 && !isText(value) && !isText(values[at - 1]) ? ' ' : '') + print(value)).join(''),
  println: values => `${values.map(print).join(' ')}\n`,
  printf: ([format, ...values]) => {
    if (typeof format !== 'string') return refused()
    // A number out of JSON is text with another name, which the other verbs would show.
    const isPlain = !/%[^%svq]/.test(format.replaceAll('%%', ''))
    const array = values.map((value): Value => typeof value === 'bigint' ? { number: String(value) } : isNumber(value) && isPlain ? value.number : typeof value === 'string' ? value : refused())
    const text = sprintf(format, { array })
    // What is wrong with a call names the type, and an integer of the template's own is another one.
    return typeof text === 'string' && !text.includes('%!') ? text : refused()
  },
}
