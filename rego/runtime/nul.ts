// Ends an evaluation in which a text with a NUL comes where OPA's wasm library reads to the first NUL: an expression `^prod\0` would be
// `^prod`, one that begins with a NUL would be met by every text, and `10.0.0.1\0.example` would be an address. OPA's evaluator reads all
// of it. The call is denied: an undefined answer would silence a `deny` as well. Sources: OPA 1.22.0, wasm/src/{regex.cc,glob.cc,cidr.c}.
import type { Functions } from './functions.ts'
import { emptyBlock, i32, op, signed, unsigned } from '../wasm-writer.ts'

interface Reader {
  readonly builtin: string
  readonly parameters: number
  /** Those that are read to their first NUL. */
  readonly operands: readonly number[]
}

/** By name, whatever their code: another version may read as this one does. One with other parameters is no valid module afterwards, and not loaded. */
const readers: Readonly<Record<string, Reader>> = {
  opa_regex_match: { builtin: 'regex.match', parameters: 2, operands: [0] },
  opa_regex_is_valid: { builtin: 'regex.is_valid', parameters: 1, operands: [0] },
  opa_regex_find_all_string_submatch: { builtin: 'regex.find_all_string_submatch_n', parameters: 3, operands: [0] },
  opa_glob_match: { builtin: 'glob.match', parameters: 3, operands: [0] },
  opa_cidr_contains: { builtin: 'net.cidr_contains', parameters: 2, operands: [0, 1] },
  opa_cidr_intersects: { builtin: 'net.cidr_intersects', parameters: 2, operands: [0, 1] },
}
/** Of the words that end an evaluation. */
const maxWords = 64
/** `OPA_STRING` and `OPA_STRING_INTERNED` in value.h; behind the type lie length and address. */
const textTypes = [4, 8] as const
const [lengthAt, addressAt] = [4, 8]

export function refuseNul({ bodies, types, imported, indices }: Functions): readonly string[] {
  const abort = indices.get('opa_abort')
  const malloc = indices.get('opa_malloc')
  const guarded: string[] = []
  for (const [name, { builtin, parameters, operands }] of Object.entries(readers)) {
    const index = indices.get(name)
    if (index === undefined || index < imported) continue
    const at = index - imported
    const original = imported + bodies.push(bodies[at] ?? new Uint8Array()) - 1
    types.push(types[at] ?? 0)
    const [from, end] = [parameters, parameters + 1]
    const giveUp = abort === undefined || malloc === undefined ? [op.unreachable] : [
      op.i32Const, ...signed(maxWords), op.call, ...unsigned(malloc), op.localSet, from,
      ...wordsOf(`${builtin} reads no text with a NUL in it`).flatMap((word, nth) => [op.localGet, from, op.i32Const, ...signed(word), op.i32Store, 0, ...unsigned(nth * 4)]),
      op.localGet, from, op.call, ...unsigned(abort), op.unreachable,
    ]
    bodies[at] = Uint8Array.from([1, 2, i32, ...operands.flatMap((operand) => [
      ...textTypes.flatMap((kind) => [op.localGet, operand, op.i32Load8U, 0, 0, op.i32Const, kind, op.i32Eq]), op.i32Or, op.if, emptyBlock,
      op.localGet, operand, op.i32Load, 2, addressAt, op.localTee, from, op.localGet, operand, op.i32Load, 2, lengthAt, op.i32Add, op.localSet, end,
      op.block, emptyBlock, op.loop, emptyBlock, op.localGet, from, op.localGet, end, op.i32GeU, op.brIf, 1,
      op.localGet, from, op.i32Load8U, 0, 0, op.i32Eqz, op.if, emptyBlock, ...giveUp, op.end,
      op.localGet, from, op.i32Const, 1, op.i32Add, op.localSet, from, op.br, 0, op.end, op.end, op.end,
    ]), ...Array.from({ length: parameters }, (_, local) => [op.localGet, local]).flat(), op.call, ...unsigned(original), op.end])
    guarded.push(name)
  }
  return guarded
}

/** ASCII with a NUL behind it, four bytes a number. */
function wordsOf(text: string): number[] {
  const bytes = Buffer.alloc(Math.floor(text.length / 4) * 4 + 4)
  bytes.write(text, 'latin1')
  return Array.from({ length: bytes.length / 4 }, (_, nth) => bytes.readUInt32LE(nth * 4))
}
