// Keeps the hashes of a module's constant strings. Every look-up hashes its key, byte by byte, and most keys are such strings. These
// never change and never move: the hash of one is kept at a place that follows from its address. The room for it is taken from below the
// heap, so it is part of what is copied with the data.
import type { Functions } from './functions.ts'
import { callsOf } from './instructions.ts'
import { emptyBlock, i32, op, signed, unsigned } from '../wasm-writer.ts'

/** Of 8 bytes: a string's address and its hash. Strings lie 12 bytes apart, so that so many in a row do not meet. */
const slots = 1_024
const maxHeapBase = 16_777_216
/** Type of a string in the module, `OPA_STRING_INTERNED` in value.h. */
const interned = 8

export function keepHashes(functions: Functions): readonly string[] {
  const { bodies, types, imported, proven } = functions
  const index = proven.get('opa_value_hash')
  if (index === undefined) return []
  const at = index - imported
  const base = reserve(functions, slots * 8)
  if (base === undefined) return []
  // What it was goes on as a function of its own; what it calls to hash a value's parts is the new one.
  const original = imported + bodies.push(bodies[at] ?? new Uint8Array()) - 1
  types.push(types[at] ?? 0)
  const [value, slot, hash] = [0, 1, 2]
  const hashed = [op.localGet, value, op.call, ...unsigned(original)]
  bodies[at] = Uint8Array.of(1, 2, i32,
    op.localGet, value, op.i32Load8U, 0, 0, op.i32Const, interned, op.i32Ne, op.if, emptyBlock, ...hashed, op.return, op.end,
    op.localGet, value, op.i32Const, ...signed((slots - 1) * 4), op.i32And, op.i32Const, 1, op.i32Shl, op.localTee, slot,
    op.i32Load, 2, ...unsigned(base), op.localGet, value, op.i32Eq, op.if, emptyBlock, op.localGet, slot, op.i32Load, 2, ...unsigned(base + 4), op.return, op.end,
    ...hashed, op.localSet, hash,
    op.localGet, slot, op.localGet, value, op.i32Store, 2, ...unsigned(base),
    op.localGet, slot, op.localGet, hash, op.i32Store, 2, ...unsigned(base + 4),
    op.localGet, hash, op.end)
  return ['opa_value_hash']
}

// The heap begins where the module's only call of opa_malloc_init says. Nothing has written there: all of it is zero, the address of no string.
function reserve({ bodies, proven }: Functions, size: number): number | undefined {
  const init = proven.get('opa_malloc_init')
  const [call, ...others] = init === undefined ? [] : callsOf(bodies, init)
  if (!call?.constant || others.length > 0 || call.constant.value > maxHeapBase) return undefined
  const base = Math.ceil(call.constant.value / 8) * 8
  const body = bodies[call.body] ?? new Uint8Array()
  bodies[call.body] = Buffer.concat([body.subarray(0, call.constant.at), Uint8Array.of(op.i32Const, ...signed(base + size)), body.subarray(call.constant.end)])
  return base
}
