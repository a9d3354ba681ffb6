// Keeps the values of rules in a table. OPA keeps the value of a rule without arguments by the rule's number, in an object whose keys
// are numbers, each hashed as a float. `with` puts another table on top (its first word says which is below) and takes it off again; one
// that was taken off is used for the next, because an evaluation gives no memory back.
import type { Functions, Known } from './functions.ts'
import { callsOf } from './instructions.ts'
import { sections } from '../wasm-reader.ts'
import { append, countOf, emptyBlock, i32, op, signed, unsigned } from '../wasm-writer.ts'

/** Of a table. A module with more rules keeps its own way: clearing a table takes time for each `with`. */
const maxRules = 4_096
const maxNumber = 1_000_000
const always = ['opa_memoize_init', 'opa_memoize_get', 'opa_memoize_insert'] as const satisfies readonly Known[]
const ofWith = ['opa_memoize_push', 'opa_memoize_pop'] as const satisfies readonly Known[]
type Name = typeof always[number] | typeof ofWith[number]

export function keepValues({ bodies, imported, indices, proven }: Functions, parts: Map<number, Uint8Array>): readonly string[] {
  // All of them or none: a table that one of them does not know of would keep what `with` made of a rule. A module without `with` lacks both of the last.
  const present: readonly Name[] = ofWith.some(name => indices.has(name)) ? [...always, ...ofWith] : always
  const get = proven.get('opa_memoize_get')
  const malloc = indices.get('opa_malloc')
  if (get === undefined || malloc === undefined || !present.every(name => proven.has(name))) return []
  const numbers = callsOf(bodies, get).map(({ constant }) => constant?.value ?? Infinity)
  const first = numbers.reduce((one, other) => Math.min(one, other), maxNumber)
  const count = numbers.reduce((one, other) => Math.max(one, other), 0) - first + 1
  if (!(count > 0 && count <= maxRules)) return []

  const added = countOf(parts.get(sections.global))
  for (let left = 2; left > 0; left--) parts.set(sections.global, append(parts.get(sections.global), [i32, 1, op.i32Const, 0, op.end]))
  const variable = (index: number) => ({ get: [op.globalGet, ...unsigned(index)], set: [op.globalSet, ...unsigned(index)] })
  const [top, spare] = [variable(added), variable(added + 1)]
  // A number that no rule has is what no value was kept for.
  const isOutside = [op.localGet, 0, op.i32Const, ...signed(first), op.i32Sub, op.localTee, 0, op.i32Const, ...signed(count), op.i32GeU]
  const slot = [op.localGet, 0, op.i32Const, 2, op.i32Shl, ...top.get, op.i32Add]
  const words = Math.ceil((count + 1) / 2)
  const make = [op.i32Const, ...signed(words * 8), op.call, ...unsigned(malloc), ...top.set]
  const clear = Array.from({ length: words }, (_, at) => [...top.get, op.i64Const, 0, op.i64Store, 2, ...unsigned(at * 8)]).flat()
  const below = [op.i32Load, 2, 0]
  const setBelow = [op.i32Store, 2, 0]
  const replacements: Record<Name, readonly number[]> = {
    opa_memoize_init: [0, op.i32Const, 0, ...spare.set, ...make, ...clear],
    opa_memoize_get: [0, ...isOutside, op.if, emptyBlock, op.i32Const, 0, op.return, op.end, ...slot, op.i32Load, 2, 4],
    opa_memoize_insert: [0, ...isOutside, op.if, emptyBlock, op.return, op.end, ...slot, op.localGet, 1, op.i32Store, 2, 4],
    opa_memoize_push: [1, 1, i32, ...top.get, op.localSet, 0,
      ...spare.get, op.if, emptyBlock, ...spare.get, ...top.set, ...top.get, ...below, ...spare.set, op.else, ...make, op.end,
      ...clear, ...top.get, op.localGet, 0, ...setBelow],
    opa_memoize_pop: [1, 1, i32, ...top.get, op.localTee, 0, ...below, ...top.set, op.localGet, 0, ...spare.get, ...setBelow, op.localGet, 0, ...spare.set],
  }
  for (const name of present) {
    const index = proven.get(name)
    if (index !== undefined) bodies[index - imported] = Uint8Array.from([...replacements[name], op.end])
  }
  return present
}
