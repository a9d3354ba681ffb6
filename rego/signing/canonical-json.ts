// JSON as OPA hashes it in a bundle's signature (documentation, "Bundle file format", Signing): members sorted by their UTF-8
// bytes, no spaces, numbers as they were written, nothing escaped for HTML. Read strictly: what two readers could take differently is refused.

/** Objects and arrays inside one another. */
export const maxJsonDepth = 128

/** Why a text is not JSON that everybody reads alike. Says where, never what stands there. */
export class JsonFault extends Error {}

/**
 * The canonical text of JSON `text`. Parsing it again gives the same value, with `JSON.parse` too: no member is in it twice.
 * @throws JsonFault
 */
export function canonicalJson(text: string): string {
  const reader = new Reader(text)
  const canonical = reader.value(0)
  reader.space()
  if (reader.at !== text.length) throw reader.fault('there is something behind the value')
  return canonical
}

class Reader {
  // Sticky: each match starts where the reader stands. RFC 8259 §2, §3, §6.
  readonly #space = /[ \t\n\r]*/y
  readonly #scalar = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y
  readonly #plain = /"[ !#-[\]-~]*"/y
  readonly #text: string
  at = 0

  constructor(text: string) {
    this.#text = text
  }

  fault(why: string): JsonFault {
    return new JsonFault(`${why} (at character ${this.at})`)
  }

  space(): void {
    if (this.#text.charCodeAt(this.at) <= 0x20) this.#match(this.#space)
  }

  value(depth: number): string {
    if (depth > maxJsonDepth) throw this.fault(`it is nested deeper than ${maxJsonDepth}`)
    this.space()
    const first = this.#text[this.at]
    if (first === '{') return this.#object(depth)
    if (first === '[') return `[${this.#list(']', () => this.value(depth + 1)).join(',')}]`
    if (first === '"') return this.#string()
    return this.#match(this.#scalar) ?? this.#fail('there is no value')
  }

  #object(depth: number): string {
    // In the order in which OPA writes them, mostly: then there is nothing to sort, and what is there twice stands side by side.
    let isSorted = true
    let last: string | undefined
    const members = this.#list('}', () => {
      this.space()
      const quoted = this.#text[this.at] === '"' ? this.#string() : this.#fail('there is no member name')
      const name = quoted.includes('\\') ? JSON.parse(quoted) as string : quoted.slice(1, -1)
      // One reader keeps the first, another the last.
      if (last === name) throw this.fault('a member is there twice')
      isSorted &&= (last === undefined || last < name) && !hasSurrogates(name)
      last = name
      this.space()
      if (this.#text[this.at] !== ':') throw this.fault('there is no colon')
      this.at++
      return { name, text: `${quoted}:${this.value(depth + 1)}` }
    })
    if (isSorted) return `{${members.map(({ text }) => text).join(',')}}`
    if (new Set(members.map(({ name }) => name)).size !== members.length) throw this.fault('a member is there twice')
    return `{${inByteOrder(members).map(({ text }) => text).join(',')}}`
  }

  #list<Item>(end: string, readItem: () => Item): Item[] {
    const items: Item[] = []
    this.at++
    this.space()
    if (this.#text[this.at] === end) {
      this.at++
      return items
    }
    for (;;) {
      items.push(readItem())
      this.space()
      const next = this.#text[this.at]
      if (next !== ',' && next !== end) throw this.fault('a list or an object does not go on')
      this.at++
      if (next === end) return items
    }
  }

  #string(): string {
    // Most are plain, and then stand for themselves.
    const plain = this.#match(this.#plain)
    if (plain !== undefined) return plain
    let end = this.at + 1
    while (end < this.#text.length && this.#text[end] !== '"') end += this.#text[end] === '\\' ? 2 : 1
    const text = this.#parse(this.#text.slice(this.at, end + 1))
    if (!text.isWellFormed()) throw this.fault('a string is not Unicode')
    this.at = end + 1
    // As Go's encoder: JavaScript leaves these two as they are.
    return JSON.stringify(text).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
  }

  #parse(source: string): string {
    try {
      return JSON.parse(source) as string
    } catch {
      throw this.fault('a string is malformed')
    }
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at
    if (!pattern.test(this.#text)) return undefined
    const found = this.#text.slice(this.at, pattern.lastIndex)
    this.at = pattern.lastIndex
    return found
  }

  #fail(why: string): never {
    throw this.fault(why)
  }
}

/** By the UTF-8 bytes of their names: the order of code points, from which UTF-16's differs where there are surrogates. */
function inByteOrder<Member extends { readonly name: string }>(members: Member[]): readonly Member[] {
  if (!members.some(({ name }) => hasSurrogates(name))) return members.sort((one, other) => (one.name < other.name ? -1 : 1))
  return members.map(member => ({ member, bytes: Buffer.from(member.name) })).sort((one, other) => Buffer.compare(one.bytes, other.bytes)).map(({ member }) => member)
}

function hasSurrogates(text: string): boolean {
  return /[\ud800-\udfff]/.test(text)
}
