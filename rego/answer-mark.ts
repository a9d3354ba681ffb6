// Tells whether an answer was seen before without reading its text. Most of an answer (masks, messages, limits) is constant and said by its
// address; only what the evaluation made itself is looked at. Layout as in answer.ts; nothing is kept of a module with another one.
import type { AnswerReader } from './answer.ts'

const kind = { null: 1, boolean: 2, number: 3, string: 4, array: 5, object: 6, set: 7, internedString: 8, internedBoolean: 9 } as const
const numberKind = { integer: 1, text: 2 } as const
const maxWords = 4_096
const maxDepth = 32
/** Above every address, and behind the last member of an object or a set. */
const tag = 0x80000000
const endOfMembers = 0xffffffff

/** Where the module's own values end: below it is what no evaluation writes to, the same in every machine of an image. */
interface Memory { readonly memory: WebAssembly.Memory; readonly end: number }

/** Words that are the same for equal answers only; valid until the next one is marked. `undefined` for an answer that is too long for it. */
export type AnswerMarker = (address: number) => Uint32Array | undefined

export function createAnswerMarker({ memory, end }: Memory): AnswerMarker {
  const words = new Uint32Array(maxWords)
  let view = new DataView(memory.buffer)
  let length = 0

  return address => {
    // The buffer is another one whenever the memory has grown.
    if (view.buffer !== memory.buffer) view = new DataView(memory.buffer)
    length = 0
    write(address, 0)
    return length > maxWords ? undefined : words.subarray(0, length)
  }

  // Beyond the last word nothing is written, and what is counted says so.
  function push(word: number): void {
    words[length++] = word
  }

  function write(address: number, depth: number): void {
    if (address < end) return push(address)
    if (depth > maxDepth || length > maxWords) return tooLong()
    const type = view.getUint8(address)
    switch (type) {
      case kind.null: return push(tag + type)
      case kind.boolean:
      case kind.internedBoolean:
        push(tag + kind.boolean)
        return push(view.getUint8(address + 1))
      case kind.number: return writeNumber(address)
      case kind.string:
      case kind.internedString: return writeBytes(view.getUint32(address + 8, true), view.getUint32(address + 4, true), tag + kind.string)
      case kind.array: return writeElements(address, depth)
      case kind.object:
      case kind.set: return writeMembers(address, depth, type)
      default: return tooLong()
    }
  }

  function tooLong(): void {
    length = maxWords + 1
  }

  function writeNumber(address: number): void {
    const form = view.getUint8(address + 1)
    if (form === numberKind.text) return writeBytes(view.getUint32(address + 8, true), view.getUint32(address + 12, true), tag + kind.number + 0x100)
    if (form !== numberKind.integer) return tooLong()
    push(tag + kind.number)
    push(view.getUint32(address + 8, true))
    push(view.getUint32(address + 12, true))
  }

  function writeBytes(at: number, size: number, type: number): void {
    if (size > maxWords) return tooLong()
    push(type)
    push(size)
    for (let byte = 0; byte < size; byte++) push(view.getUint8(at + byte))
  }

  function writeElements(address: number, depth: number): void {
    const elements = view.getUint32(address + 4, true)
    const count = view.getUint32(address + 8, true)
    push(tag + kind.array)
    push(count)
    for (let at = 0; at < count && length <= maxWords; at++) write(view.getUint32(elements + at * 8 + 4, true), depth + 1)
  }

  function writeMembers(address: number, depth: number, type: number): void {
    const buckets = view.getUint32(address + 4, true)
    const count = view.getUint32(address + 8, true)
    push(tag + type)
    if (count > maxWords) return tooLong()
    for (let bucket = 0; bucket < count && length <= maxWords; bucket++) {
      for (let entry = view.getUint32(buckets + bucket * 4, true); entry !== 0 && length <= maxWords; entry = view.getUint32(entry + (type === kind.object ? 8 : 4), true)) {
        write(view.getUint32(entry, true), depth + 1)
        if (type === kind.object) write(view.getUint32(entry + 4, true), depth + 1)
      }
    }
    push(endOfMembers)
  }
}

/** What a machine answers with. */
interface Answering { readonly readAnswer: AnswerReader; readonly markAnswer: AnswerMarker | undefined }

interface Known<T> { readonly isKnown: true; readonly mark: Uint32Array; readonly value: T }
interface Unknown { readonly isKnown: false; readonly mark: Uint32Array | undefined; readonly text: string }

/** What was made of answers, so that it is made once. */
export interface Made<T> {
  /** @throws what reading the answer throws */
  find(machine: Answering, address: number): Known<T> | Unknown
  /** @throws what making something of the text throws; nothing is kept then */
  make(answer: Unknown): T
  clear(): void
}

/** @param maxBytes of the answers, each counted with eight bytes a character; when there would be more, all are forgotten */
export function createMade<T>(make: (text: string) => T, maxEntries: number, maxBytes: number): Made<T> {
  const entries = new Map<number, Known<T>>()
  let held = 0
  const clear = () => {
    entries.clear()
    held = 0
  }
  return {
    clear,
    find({ readAnswer, markAnswer }, address) {
      const mark = markAnswer?.(address)
      if (!mark) return { isKnown: false, mark, text: readAnswer(address) }
      const known = entries.get(hashOf(mark))
      return known && isSame(known.mark, mark) ? known : { isKnown: false, mark: mark.slice(), text: readAnswer(address) }
    },
    make({ mark, text }) {
      const value = make(text)
      if (!mark) return value
      held += text.length * 8
      if (entries.size >= maxEntries || held > maxBytes) clear()
      entries.set(hashOf(mark), { isKnown: true, mark, value })
      return value
    },
  }
}

// FNV-1a by words.
function hashOf(mark: Uint32Array): number {
  let hash = 0x811c9dc5
  for (const word of mark) hash = Math.imul(hash ^ word, 0x01000193)
  return hash
}

function isSame(one: Uint32Array, other: Uint32Array): boolean {
  if (one.length !== other.length) return false
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false
  return true
}
