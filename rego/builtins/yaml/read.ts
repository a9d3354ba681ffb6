// YAML to a value, as OPA takes it: the first document counts, the others must be readable; of equal names the last wins.
import type { Document, Node, YAMLMap } from 'yaml'
import type * as yaml from 'yaml'
import { formatFloat } from '../float.ts'
import { readUtf8 } from '../json/read.ts'
import type { Value } from '../value.ts'
import { NoYaml, resolveScalar } from './scalar.ts'

export type Library = typeof yaml

/** Characters of a text. */
const maxTextLength = 262_144
/** Nodes of the value: an alias stands for all that it names, so a small text can be a large value. */
const maxNodes = 65_536
const maxDepth = 128

/** @throws NoYaml */
export function readYaml(library: Library, text: string): Value {
  // go-yaml speaks 1.1, by name at least.
  if (text.length > maxTextLength || /^%YAML (?!1\.1\s)/m.test(text)) throw new NoYaml()
  const documents = library.parseAllDocuments(text, { schema: 'failsafe', uniqueKeys: false, logLevel: 'silent', prettyErrors: false, strict: true })
  if (!Array.isArray(documents)) return null
  if (documents.some(({ errors, warnings }) => errors.length > 0 || warnings.some(({ code }) => code === 'BAD_DIRECTIVE'))) throw new NoYaml()
  const [first] = documents as Document[]
  return first ? new Reader(library, first).read(first.contents, 0) : null
}

class Reader {
  readonly #library: Library
  readonly #document: Document
  #nodes = 0

  constructor(library: Library, document: Document) {
    this.#library = library
    this.#document = document
  }

  read(node: Node | null | undefined, depth: number): Value {
    this.#nodes++
    if (this.#nodes > maxNodes || depth > maxDepth) throw new NoYaml()
    if (!node) return null
    if (this.#library.isAlias(node)) {
      const named = node.resolve(this.#document)
      if (!named) throw new NoYaml()
      return this.read(named, depth + 1)
    }
    if (this.#library.isScalar(node)) return node.value instanceof Uint8Array ? readUtf8(node.value) : scalar(String(node.value ?? ''), node.tag, node.type === 'PLAIN')
    if (this.#library.isSeq(node)) return { array: (node.items as Node[]).map(item => this.read(item, depth + 1)) }
    if (this.#library.isMap(node)) return { object: [...this.#members(node, depth)] }
    throw new NoYaml()
  }

  #members(map: YAMLMap, depth: number): Map<string, Value> {
    const own = new Map<string, Value>()
    const merged = new Map<string, Value>()
    for (const pair of map.items) {
      const [name, value] = [pair.key as Node | null, pair.value as Node | null]
      if (this.#library.isScalar(name) && name.value === '<<' && name.type === 'PLAIN') this.#merge(merged, value, depth)
      else own.set(nameOf(this.read(name, depth + 1)), this.read(value, depth + 1))
    }
    // What a map has itself counts before what it takes over.
    for (const [name, value] of merged) if (!own.has(name)) own.set(name, value)
    return own
  }

  #merge(into: Map<string, Value>, node: Node | null, depth: number): void {
    const source = this.#library.isAlias(node) ? node.resolve(this.#document) : node
    if (this.#library.isMap(source)) {
      for (const [name, value] of this.#members(source, depth + 1)) if (!into.has(name)) into.set(name, value)
    } else if (this.#library.isSeq(source) && depth < maxDepth) for (const item of source.items as Node[]) this.#merge(into, item, depth + 1)
    else throw new NoYaml()
  }
}

function scalar(text: string, tag: string | undefined, isPlain: boolean): Value {
  const short = tag?.replace(/^tag:yaml\.org,2002:/, '!!')
  if (short === '!!str' || (short === undefined && !isPlain) || short === '!') return text
  if (short !== undefined && !/^!!(?:null|bool|int|float)$/.test(short)) return text
  const resolved = resolveScalar(text)
  if (short === undefined || short === `!!${resolved.tag}` || (short === '!!float' && resolved.tag === 'int')) return resolved.value
  throw new NoYaml()
}

/** A name in JSON is text. @throws NoYaml for what has none */
function nameOf(value: Value): string {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return String(value)
  if (typeof value !== 'object' || value === null || !('number' in value)) throw new NoYaml()
  // Go writes the nearest float of 32 bits.
  return /^-?[0-9]+$/.test(value.number) ? value.number : formatFloat(Number(Math.fround(Number(value.number)).toPrecision(7)), 'g', undefined)
}
