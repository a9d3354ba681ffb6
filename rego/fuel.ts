// Puts a counter into a copy of a policy module, because an evaluation on the main thread cannot be interrupted from outside:
// every loop turn, and every call of a function that itself calls, takes one; at zero the module traps.
// What lies between two ticks is straight-line code of bounded length, so a tank bounds the time of an evaluation.
// Format: WebAssembly Core Specification 2.0, §5.
import { PolicyError } from './errors.ts'

/** Name under which a metered module exports its tank (a mutable i32 global). */
export const fuelExport = 'countersign_fuel'

const sections = { import: 2, global: 6, export: 7, code: 10 } as const
// Where each section stands in the file; `datacount` (12) comes before `code`, and custom sections (0) carry nothing we need.
const order = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11]
const op = { unreachable: 0x00, loop: 0x03, if: 0x04, end: 0x0b, call: 0x10, callIndirect: 0x11, globalGet: 0x23, globalSet: 0x24, i32Const: 0x41, i32Eqz: 0x45, i32Sub: 0x6b } as const
const i32 = 0x7f
const globalKind = 3
const emptyBlock = 0x40

/**
 * A copy of `wasm` that burns fuel. The tank starts full at 2^31 - 1: loading is paid for too.
 * @throws PolicyError `ERR_BUNDLE_MALFORMED` for what this does not know; nothing is passed through unmetered
 */
export function meterModule(wasm: Uint8Array): Uint8Array {
  const parts = readSections(wasm)
  const index = countImportedGlobals(parts.get(sections.import)) + countOf(parts.get(sections.global))
  parts.set(sections.global, append(parts.get(sections.global), [i32, 1, op.i32Const, ...signed(0x7fffffff), op.end]))
  const name = new TextEncoder().encode(fuelExport)
  parts.set(sections.export, append(parts.get(sections.export), [name.length, ...name, globalKind, ...unsigned(index)]))
  const code = parts.get(sections.code)
  if (code) parts.set(sections.code, meterCode(code, index))
  const chunks: Uint8Array[] = [wasm.subarray(0, 8)]
  for (const id of order) {
    const content = parts.get(id)
    if (content) chunks.push(Uint8Array.of(id, ...unsigned(content.length)), content)
  }
  return Buffer.concat(chunks)
}

function readSections(wasm: Uint8Array): Map<number, Uint8Array> {
  if (Buffer.from(wasm.subarray(0, 8)).toString('hex') !== '0061736d01000000') throw unknown('it is not a WebAssembly 1 module')
  const parts = new Map<number, Uint8Array>()
  const reader = new Reader(wasm, 8)
  while (reader.at < wasm.length) {
    const id = reader.byte()
    const content = reader.bytes(reader.u32())
    if (id === 0) continue
    if (!order.includes(id) || parts.has(id)) throw unknown('it has a section that is not known, or twice')
    parts.set(id, content)
  }
  return parts
}

function meterCode(code: Uint8Array, index: number): Uint8Array {
  const reader = new Reader(code, 0)
  const count = reader.u32()
  const chunks: Uint8Array[] = [Uint8Array.from(unsigned(count))]
  const get = [op.globalGet, ...unsigned(index)]
  const tick = Uint8Array.of(...get, op.i32Eqz, op.if, emptyBlock, op.unreachable, op.end, ...get, op.i32Const, 1, op.i32Sub, op.globalSet, ...unsigned(index))
  for (let i = 0; i < count; i++) {
    const body = meterBody(reader.bytes(reader.u32()), tick)
    chunks.push(Uint8Array.from(unsigned(body.length)), body)
  }
  return Buffer.concat(chunks)
}

function meterBody(body: Uint8Array, tick: Uint8Array): Uint8Array {
  const reader = new Reader(body, 0)
  for (let groups = reader.u32(); groups > 0; groups--) {
    reader.u32()
    reader.byte()
  }
  const start = reader.at
  const chunks: Uint8Array[] = []
  let copied = start
  let calls = false
  while (reader.at < body.length) {
    const code = reader.instruction()
    calls ||= code === op.call || code === op.callIndirect
    if (code !== op.loop) continue
    // Behind the loop's block type: a branch to the loop lands here.
    chunks.push(body.subarray(copied, reader.at), tick)
    copied = reader.at
  }
  // A function that calls nothing is part of its caller's straight line.
  return Buffer.concat([body.subarray(0, start), ...(calls ? [tick] : []), ...chunks, body.subarray(copied)])
}

class Reader {
  readonly #bytes: Uint8Array
  at: number

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.at = at
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

  // Saturating conversions (no immediate), then bulk memory and tables.
  #extended(code: number): void {
    if (code > 17) throw unknown('it has an instruction that is not known')
    if (code <= 7) return
    this.leb()
    if (code === 8 || code === 10 || code === 12 || code === 14) this.leb()
  }
}

function countImportedGlobals(content: Uint8Array | undefined): number {
  if (!content) return 0
  const reader = new Reader(content, 0)
  let globals = 0
  for (let left = reader.u32(); left > 0; left--) {
    reader.bytes(reader.u32())
    reader.bytes(reader.u32())
    const kind = reader.byte()
    if (kind === 0) reader.leb()
    else if (kind === globalKind) { reader.bytes(2); globals++ }
    else if (kind === 1 || kind === 2) {
      if (kind === 1) reader.byte()
      const hasMaximum = reader.byte() === 1
      reader.leb()
      if (hasMaximum) reader.leb()
    } else throw unknown('it imports what is not known')
  }
  return globals
}

function countOf(content: Uint8Array | undefined): number {
  return content ? new Reader(content, 0).u32() : 0
}

function append(content: Uint8Array | undefined, entry: readonly number[]): Uint8Array {
  const reader = new Reader(content ?? Uint8Array.of(0), 0)
  const count = reader.u32()
  return Buffer.concat([Uint8Array.from(unsigned(count + 1)), (content ?? new Uint8Array(1)).subarray(reader.at), Uint8Array.from(entry)])
}

function unsigned(value: number): number[] {
  const bytes: number[] = []
  for (; value >= 0x80; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80)
  return [...bytes, value]
}

function signed(value: number): number[] {
  const bytes: number[] = []
  // Non-negative only; the last byte's sign bit (0x40) must be clear.
  for (; value >= 0x40; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80)
  return [...bytes, value]
}

function unknown(why: string): PolicyError {
  return new PolicyError('ERR_BUNDLE_MALFORMED', `the policy module cannot be metered: ${why}`)
}
