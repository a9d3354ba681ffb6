// `json.patch` (RFC 6902) as OPA has it: on sets too, where a member is its own name, and with paths as pointers or as lists of names.
import { intOf, keyOf, membersOf } from './operand.ts'
import type { MakerFamily } from './operand.ts'
import type { Spend, Value } from './value.ts'

/** Operations of one call. */
const maxOperations = 4_096
/** Elements that all of them together may move: each copies the collections on its path. */
const maxMoved = 4_194_304
/** Names of one path. */
const maxPathLength = 256

export const patch: MakerFamily = [['json.patch', spend => (document, operations) => new Patch(spend).apply(document, operations)]]

/** Leaves the whole call undefined. */
class Inapplicable extends Error {}

class Patch {
  readonly #pay: Spend
  #moved = 0

  constructor(pay: Spend) {
    this.#pay = pay
  }

  apply(document: Value, operations: Value): Value | undefined {
    if (typeof operations !== 'object' || operations === null || !('array' in operations) || operations.array.length > maxOperations) return undefined
    try {
      return operations.array.reduce<Value>((value, operation) => this.#step(value, operation), document)
    } catch (cause) {
      if (cause instanceof Inapplicable) return undefined
      throw cause
    }
  }

  #step(document: Value, operation: Value): Value {
    const attributes = new Map(membersOf(operation)?.map(([name, value]) => [keyOf(name), value]))
    const attribute = (name: string) => {
      const value = attributes.get(JSON.stringify(name))
      if (value === undefined) throw new Inapplicable()
      return value
    }
    const path = readPath(attribute('path'))
    switch (attribute('op')) {
      case 'add': return this.#add(document, path, attribute('value'))
      case 'remove': return this.#remove(document, path)
      case 'replace': {
        const value = attribute('value')
        this.#find(document, path)
        return path.length === 0 ? value : this.#add(this.#remove(document, path), path, value)
      }
      case 'move': {
        const from = readPath(attribute('from'))
        const value = this.#find(document, from)
        return this.#add(from.length === 0 ? null : this.#remove(document, from), path, value)
      }
      case 'copy': return this.#add(document, path, this.#find(document, readPath(attribute('from'))))
      case 'test':
        if (keyOf(this.#find(document, path)) !== keyOf(attribute('value'))) throw new Inapplicable()
        return document
      default: throw new Inapplicable()
    }
  }

  #find(value: Value, path: readonly Value[]): Value {
    return path.reduce<Value>((inside, name) => this.#memberOf(inside, name), value)
  }

  #memberOf(value: Value, name: Value): Value {
    if (typeof value !== 'object' || value === null || 'number' in value) throw new Inapplicable()
    if ('array' in value) {
      const found = value.array[indexIn(value.array, name, value.array.length - 1)]
      if (found === undefined) throw new Inapplicable()
      return found
    }
    const key = keyOf(name)
    this.#spend('set' in value ? value.set.length : value.object.length)
    const found = 'set' in value ? value.set.find(element => keyOf(element) === key) : value.object.find(([other]) => keyOf(other) === key)?.[1]
    if (found === undefined) throw new Inapplicable()
    return found
  }

  #add(document: Value, path: readonly Value[], value: Value): Value {
    return path.length === 0 ? value : this.#changed(document, path, (parent, name) => {
      if (typeof parent !== 'object' || parent === null || 'number' in parent) throw new Inapplicable()
      if ('array' in parent) {
        const at = indexIn(parent.array, name, parent.array.length)
        return { array: [...parent.array.slice(0, at), value, ...parent.array.slice(at)] }
      }
      const key = keyOf(name)
      if ('object' in parent) return { object: [...parent.object.filter(([other]) => keyOf(other) !== key), [name, value]] }
      if (key !== keyOf(value)) throw new Inapplicable()
      return { set: [...parent.set.filter(element => keyOf(element) !== key), value] }
    })
  }

  #remove(document: Value, path: readonly Value[]): Value {
    // Nothing would be left to answer with.
    if (path.length === 0) throw new Inapplicable()
    return this.#changed(document, path, (parent, name) => {
      this.#memberOf(parent, name)
      if (typeof parent !== 'object' || parent === null || 'number' in parent) throw new Inapplicable()
      if ('array' in parent) return { array: parent.array.toSpliced(indexIn(parent.array, name, parent.array.length - 1), 1) }
      const key = keyOf(name)
      if ('object' in parent) return { object: parent.object.filter(([other]) => keyOf(other) !== key) }
      return { set: parent.set.filter(element => keyOf(element) !== key) }
    })
  }

  /** The document with the collection changed that the last name of the path is in. */
  #changed(value: Value, path: readonly Value[], change: (parent: Value, name: Value) => Value): Value {
    const [name, ...rest] = path
    if (name === undefined || typeof value !== 'object' || value === null || 'number' in value) throw new Inapplicable()
    this.#spend('array' in value ? value.array.length : 'set' in value ? value.set.length : value.object.length)
    if (rest.length === 0) return change(value, name)
    const member = this.#changed(this.#memberOf(value, name), rest, change)
    if ('array' in value) return { array: value.array.with(indexIn(value.array, name, value.array.length - 1), member) }
    const key = keyOf(name)
    if ('object' in value) return { object: value.object.map(([other, old]) => [other, keyOf(other) === key ? member : old] as const) }
    // A changed member of a set is another member.
    return { set: [...new Map([...value.set.filter(element => keyOf(element) !== key), member].map(element => [keyOf(element), element])).values()] }
  }

  #spend(elements: number): void {
    this.#moved += elements
    this.#pay(256 + elements * 32)
    if (this.#moved > maxMoved) throw new Inapplicable()
  }
}

/** @throws Inapplicable beyond `last`; `-` is behind the end, a number in text must be written as numbers are */
function indexIn(array: readonly Value[], name: Value, last: number): number {
  if (name === '-') {
    if (array.length > last) throw new Inapplicable()
    return array.length
  }
  if (typeof name === 'string' && name !== '0' && name.startsWith('0')) throw new Inapplicable()
  const index = Number(intOf(typeof name === 'string' ? { number: name.replace(/^[+]/, '') } : name) ?? -1n)
  if (index < 0 || index > last) throw new Inapplicable()
  return index
}

function readPath(path: Value): readonly Value[] {
  const names = typeof path === 'string' ? namesIn(path) : typeof path === 'object' && path !== null && 'array' in path ? path.array : undefined
  if (!names || names.length > maxPathLength) throw new Inapplicable()
  return names
}

// RFC 6901, but however many slashes it begins with.
function namesIn(pointer: string): readonly string[] {
  if (pointer === '') return []
  return pointer.replace(/^\/+/, '').split('/').map(name => name.replaceAll('~1', '/').replaceAll('~0', '~'))
}
