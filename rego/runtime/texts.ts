// Compares texts by eight bytes. OPA's library does so byte by byte; as long as eight of each are the same, or four, there is nothing to
// find in them.
import type { Functions } from './functions.ts'
import { emptyBlock, op, unsigned } from '../wasm-writer.ts'

export function compareByEight({ bodies, types, imported, proven }: Functions): readonly string[] {
  const index = proven.get('opa_strncmp')
  if (index === undefined) return []
  const at = index - imported
  // It goes on with what is left, from the first eight that differ.
  const original = imported + bodies.push(bodies[at] ?? new Uint8Array()) - 1
  types.push(types[at] ?? 0)
  const [left, right, size] = [0, 1, 2]
  const step = (bytes: number) => [...[left, right].flatMap(local => [op.localGet, local, op.i32Const, bytes, op.i32Add, op.localSet, local]), op.localGet, size, op.i32Const, bytes, op.i32Sub, op.localSet, size]
  const atLeast = (bytes: number, outside: number) => [op.localGet, size, op.i32Const, bytes, op.i32LtU, op.brIf, outside]
  bodies[at] = Uint8Array.of(0, op.block, emptyBlock,
    op.loop, emptyBlock, op.block, emptyBlock, ...atLeast(8, 0),
    op.localGet, left, op.i64Load, 0, 0, op.localGet, right, op.i64Load, 0, 0, op.i64Ne, op.brIf, 2, ...step(8), op.br, 1, op.end, op.end,
    ...atLeast(4, 0), op.localGet, left, op.i32Load, 0, 0, op.localGet, right, op.i32Load, 0, 0, op.i32Ne, op.brIf, 0, ...step(4), op.end,
    op.localGet, left, op.localGet, right, op.localGet, size, op.call, ...unsigned(original), op.end)
  return ['opa_strncmp']
}
