// Writes what a strict host adds to a WebAssembly module (WebAssembly Core Specification 2.0, §5). Its own words only: nothing here is checked.
import { sectionOrder, WasmReader } from './wasm-reader.ts'

/** Instructions that this host writes or looks for. */
export const op = {
  unreachable: 0x00, block: 0x02, loop: 0x03, if: 0x04, else: 0x05, end: 0x0b, br: 0x0c, brIf: 0x0d, return: 0x0f, call: 0x10, callIndirect: 0x11,
  localGet: 0x20, localSet: 0x21, localTee: 0x22, globalGet: 0x23, globalSet: 0x24,
  i32Load: 0x28, i64Load: 0x29, i32Load8U: 0x2d, i32Store: 0x36, i64Store: 0x37, memoryGrow: 0x40,
  i32Const: 0x41, i64Const: 0x42, i32Eqz: 0x45, i32Eq: 0x46, i32Ne: 0x47, i32LtS: 0x48, i32LtU: 0x49, i32GeU: 0x4f, i64Ne: 0x52,
  i32Add: 0x6a, i32Sub: 0x6b, i32And: 0x71, i32Or: 0x72, i32Shl: 0x74,
} as const
export const i32 = 0x7f
export const emptyBlock = 0x40
export const exportKinds = { func: 0, global: 3 } as const

export function countOf(content: Uint8Array | undefined): number {
  return content ? new WasmReader(content, 0).u32() : 0
}

/** A section's content with one entry more. */
export function append(content: Uint8Array | undefined, entry: readonly number[]): Uint8Array {
  const reader = new WasmReader(content ?? Uint8Array.of(0), 0)
  const count = reader.u32()
  return Buffer.concat([Uint8Array.from(unsigned(count + 1)), (content ?? new Uint8Array(1)).subarray(reader.at), Uint8Array.from(entry)])
}

/** A code section of these bodies, each with its locals. */
export function codeOf(bodies: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([Uint8Array.from(unsigned(bodies.length)), ...bodies.flatMap(body => [Uint8Array.from(unsigned(body.length)), body])])
}

export function moduleOf(parts: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const chunks: Uint8Array[] = [Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)]
  for (const id of sectionOrder) {
    const content = parts.get(id)
    if (content) chunks.push(Uint8Array.of(id, ...unsigned(content.length)), content)
  }
  return Buffer.concat(chunks)
}

export function nameOf(name: string): number[] {
  return [name.length, ...new TextEncoder().encode(name)]
}

/** LEB128, §5.2.2. */
export function unsigned(value: number): number[] {
  const bytes: number[] = []
  for (; value >= 0x80; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80)
  return [...bytes, value]
}

/** Of a number that is not negative. */
export function signed(value: number): number[] {
  const bytes: number[] = []
  // The last byte's sign bit (0x40) must be clear.
  for (; value >= 0x40; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80)
  return [...bytes, value]
}
