// Reads an answer where it lies in a policy module's memory. `opa_json_dump` writes it byte by byte and hashes every member of an
// object on the way; and most of an answer (masks, messages, limits) is constant: its text is made once and found by its address.
// Layout: OPA 1.22.0, wasm/src/value.h. A module that lays its values out in another way is read by its own `opa_json_dump`.
import { jsonNumber } from './builtins/value.ts'
import { PolicyError } from './errors.ts'

const kind = { null: 1, boolean: 2, number: 3, string: 4, array: 5, object: 6, set: 7, internedString: 8, internedBoolean: 9 } as const
const numberKind = { integer: 1, text: 2 } as const
/** Of an answer's text, in UTF-16 units. */
export const maxAnswerLength = 1_048_576
const maxDepth = 256
/** Of all objects and sets, empty ones too: eight at the least for each, and never many more than there are members. */
const maxBuckets = 8_388_608
/** Of the texts kept for constants, all of them together. */
const maxKeptLength = 1_048_576

/** Where the module's own values end: below it is what was there before the evaluation, and what no evaluation writes to. */
interface Image { readonly memory: WebAssembly.Memory; readonly end: number }

/** JSON text of the value at an address, sets as arrays. @throws PolicyError; RangeError for an address that is none */
export type AnswerReader = (address: number) => string

export function createAnswerReader({ memory, end }: Image): AnswerReader {
  const texts = new Map<number, string>()
  let kept = 0
  let view = new DataView(memory.buffer)
  let left = 0
  let bucketsLeft = 0

  return address => {
    // The buffer is another one whenever the memory has grown.
    if (view.buffer !== memory.buffer) view = new DataView(memory.buffer)
    left = maxAnswerLength
    bucketsLeft = maxBuckets
    return write(address, 0)
  }

  // An answer may hold one value many times over, or (if the module errs) itself: what is written is paid for, not what is there.
  function write(address: number, depth: number): string {
    const known = texts.get(address)
    if (known !== undefined) {
      spend(known.length)
      return known
    }
    if (depth > maxDepth) throw new PolicyError('ERR_POLICY_MALFORMED', `the result is nested deeper than ${maxDepth}`)
    const text = writeValue(address, depth)
    if (address < end && kept + text.length <= maxKeptLength) {
      texts.set(address, text)
      kept += text.length
    }
    return text
  }

  function writeValue(address: number, depth: number): string {
    spend(1)
    switch (view.getUint8(address)) {
      case kind.null: return 'null'
      case kind.boolean:
      case kind.internedBoolean: return view.getUint8(address + 1) === 0 ? 'false' : 'true'
      case kind.number: return writeNumber(address)
      case kind.string:
      case kind.internedString: return writeString(view.getUint32(address + 8, true), view.getUint32(address + 4, true))
      case kind.array: return writeArray(address, depth)
      case kind.object: return writeMembers(address, depth, true)
      case kind.set: return writeMembers(address, depth, false)
      default: throw new PolicyError('ERR_POLICY_MALFORMED', 'the result has a value of a type that is not known')
    }
  }

  function writeNumber(address: number): string {
    const form = view.getUint8(address + 1)
    if (form === numberKind.integer) return String(view.getBigInt64(address + 8, true))
    if (form === numberKind.text) return jsonNumber(readUtf8(view.getUint32(address + 8, true), view.getUint32(address + 12, true)))
    throw new PolicyError('ERR_POLICY_MALFORMED', 'the result has a value of a type that is not known')
  }

  function writeString(at: number, size: number): string {
    return JSON.stringify(readUtf8(at, size))
  }

  function readUtf8(at: number, size: number): string {
    spend(size)
    return Buffer.from(memory.buffer, at, size).toString('utf8')
  }

  // Elements are pairs of an index and a value.
  function writeArray(address: number, depth: number): string {
    const elements = view.getUint32(address + 4, true)
    const count = view.getUint32(address + 8, true)
    let text = ''
    for (let at = 0; at < count; at++) text += `${at === 0 ? '[' : ','}${write(view.getUint32(elements + at * 8 + 4, true), depth + 1)}`
    return count === 0 ? '[]' : `${text}]`
  }

  // Buckets of linked lists; an entry is a key, in an object its value, and the next entry.
  function writeMembers(address: number, depth: number, isObject: boolean): string {
    const buckets = view.getUint32(address + 4, true)
    const count = view.getUint32(address + 8, true)
    let text = ''
    bucketsLeft -= count
    if (bucketsLeft < 0) throw new PolicyError('ERR_POLICY_MALFORMED', `the result is larger than ${maxAnswerLength} bytes`)
    for (let bucket = 0; bucket < count; bucket++) {
      for (let entry = view.getUint32(buckets + bucket * 4, true); entry !== 0; entry = view.getUint32(entry + (isObject ? 8 : 4), true)) {
        const key = write(view.getUint32(entry, true), depth + 1)
        // JSON has names that are strings: any other is written as the text of its JSON.
        const member = isObject ? `${key.startsWith('"') ? key : JSON.stringify(key)}:${write(view.getUint32(entry + 4, true), depth + 1)}` : key
        text += text === '' ? member : `,${member}`
      }
    }
    return isObject ? `{${text}}` : `[${text}]`
  }

  function spend(length: number): void {
    left -= length
    if (left < 0) throw new PolicyError('ERR_POLICY_MALFORMED', `the result is larger than ${maxAnswerLength} bytes`)
  }
}
