// Reads a WebAssembly module as far as a strict host must: sections, numbers, instructions with their immediates
// (WebAssembly Core Specification 2.0, §5). What it does not know is refused.
import { PolicyError } from './errors.ts'

export const sections = { type: 1, import: 2, function: 3, table: 4, memory: 5, global: 6, export: 7, start: 8, code: 10 } as const
export const importKinds = { func: 0, memory: 2 } as const
// Where each section stands in the file; `datacount` (12) comes before `code`, and custom sections (0) carry nothing we need.
export const sectionOrder: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11]

/** Content by section number, in the order of the file. @throws PolicyError `ERR_BUNDLE_MALFORMED` */
export function readSections(wasm: Uint8Array): Map<number, Uint8Array> {
  if (Buffer.from(wasm.subarray(0, 8)).toString('hex') !== '0061736d01000000') throw unknown('it is not a WebAssembly 1 module')
  const parts = new Map<number, Uint8Array>()
  const reader = new WasmReader(wasm, 8)
  while (reader.at < wasm.length) {
    const id = reader.byte()
    const content = reader.bytes(reader.u32())
    if (id === 0) continue
    if (!sectionOrder.includes(id) || parts.has(id)) throw unknown('it has a section that is not known, or twice')
    parts.set(id, content)
  }
  return parts
}

/** Names that the module gives its functions, by index; they say nothing for certain. Appendix A.4 ("name section"). */
export function readFunctionNames(wasm: Uint8Array): ReadonlyMap<number, string> {
  const names = new Map<number, string>()
  const reader = new WasmReader(wasm, 8)
  while (reader.at < wasm.length) {
    const id = reader.byte()
    const content = new WasmReader(reader.bytes(reader.u32()), 0)
    if (id !== 0 || content.name() !== 'name') continue
    while (!content.isAtEnd) {
      const kind = content.byte()
      const list = new WasmReader(content.bytes(content.u32()), 0)
      if (kind === 1) for (let left = list.u32(); left > 0; left--) names.set(list.u32(), list.name())
    }
  }
  return names
}

export class WasmReader {
  readonly #bytes: Uint8Array
  at: number

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  get isAtEnd(): boolean {
    return this.at >= this.#bytes.length
  }

  byte(): number {
    const value = this.#bytes[this.at++]
    if (value === undefined) throw unknown('it is cut short')
    return value
  }

  bytes(size: number): Uint8Array {
    this.at += size
    if (this.at > this.#bytes.length) throw unknown('it is cut short')
    return this.#bytes.subarray(this.at - size, this.at)
  }

  /** §5.2.4. */
  name(): string {
    return Buffer.from(this.bytes(this.u32())).toString('latin1')
  }

  /** LEB128, §5.2.2. */
  u32(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw unknown('it has a number that is too long')
  }

  leb(): void {
    while (this.byte() >= 0x80);
  }

  /** Reads one instruction with its immediates, §5.4; answers its first byte. */
  instruction(): number {
    const code = this.byte()
    if (code >= 0x02 && code <= 0x04) this.leb()
    else if (code === 0x0e) for (let labels = this.u32() + 1; labels > 0; labels--) this.leb()
    else if (code === 0x1c) this.bytes(this.u32())
    else if (code === 0x11 || (code >= 0x28 && code <= 0x3e)) { this.leb(); this.leb() }
    else if (code === 0x43) this.bytes(4)
    else if (code === 0x44) this.bytes(8)
    else if (code === 0xfc) this.#extended(this.u32())
    else if (code === 0x0c || code === 0x0d || code === 0x10 || (code >= 0x20 && code <= 0x26) || (code >= 0x3f && code <= 0x42) || code === 0xd0 || code === 0xd2) this.leb()
    else if (!(code <= 0x01 || code === 0x05 || code === 0x0b || code === 0x0f || code === 0x1a || code === 0x1b || (code >= 0x45 && code <= 0xc4) || code === 0xd1)) throw unknown('it has an instruction that is not known')
    return code
  }

  // Saturating conversions, without immediates. Behind them come bulk memory and tables: one of these can take as long as a million
  // others, or grow what no limit is set for, and OPA's compiler makes none.
  #extended(code: number): void {
    if (code > 7) throw unknown('it has an instruction that is not known')
  }
}

export function unknown(why: string): PolicyError {
  return new PolicyError('ERR_BUNDLE_MALFORMED', `the policy module cannot be metered: ${why}`)
}
