// The first look as the row kernel has it, over bytes that lie where its rows do.
import { assemble } from '../../../../gateway/protocols/postgres/mask/kernel/wat.ts'
import { at, kernelWat, pages } from '../../../../gateway/protocols/postgres/mask/kernel/rows-wat.ts'
import { firstLookTable, type CellKind } from '../../../../gateway/mask/index.ts'

interface Looks { may_hold(start: number, end: number, isText: number): number; may_hold_number(start: number, end: number): number; readonly memory: { readonly buffer: ArrayBuffer } }
const looks = new WebAssembly.Instance(new WebAssembly.Module(assemble(kernelWat, pages))).exports as unknown as Looks
const memory = Buffer.from(looks.memory.buffer)
memory.set(firstLookTable, at.table)

/** @param start where the cell is in `bytes` */
export function kernelLook(kind: Exclude<CellKind, 'json' | 'none'>, bytes: Uint8Array, start = 0, end = bytes.length): boolean {
  memory.set(bytes, at.input)
  const [from, to] = [at.input + start, at.input + end]
  return (kind === 'number' ? looks.may_hold_number(from, to) : looks.may_hold(from, to, kind === 'other' ? 0 : 1)) === 1
}
