// A few functions of OPA's wasm library, in which most of an evaluation's time goes, replaced by quicker ones that answer the same. They
// are known by name and by the hash of their code: a module with others (of another version of OPA) keeps its own. (nul.ts guards some that
// are wrong.) This comes before the meter, so what is put in is paid for like all else. Sources: OPA 1.22.0, wasm/src and internal/compiler/wasm.
import crypto from 'node:crypto'
import { readFunctionNames, sections, WasmReader } from '../wasm-reader.ts'
import { codeOf, op, unsigned } from '../wasm-writer.ts'
import { known, type Functions, type Known } from './functions.ts'
import { operandAt, instructionsOf, startOf } from './instructions.ts'
import { keepHashes } from './hashes.ts'
import { refuseNul } from './nul.ts'
import { answerWithArray } from './result.ts'
import { compareByEight } from './texts.ts'
import { keepValues } from './values.ts'

/**
 * Changes the functions in `parts`, the sections of `wasm`.
 * @param wasm valid by itself
 * @returns names of the functions that were replaced or guarded
 */
export function quicken(parts: Map<number, Uint8Array>, wasm: Uint8Array, imported: number): readonly string[] {
  const code = parts.get(sections.code)
  const types = parts.get(sections.function)
  const names = readFunctionNames(wasm)
  if (!code || !types || names.size === 0) return []
  const functions = readFunctions(code, types, names, imported)
  const replaced = [...keepHashes(functions), ...keepValues(functions, parts), ...compareByEight(functions), ...refuseNul(functions), ...answerWithArray(functions)]
  parts.set(sections.function, Uint8Array.from([...unsigned(functions.types.length), ...functions.types.flatMap(unsigned)]))
  parts.set(sections.code, codeOf(functions.bodies))
  return replaced
}

function readFunctions(code: Uint8Array, types: Uint8Array, names: ReadonlyMap<number, string>, imported: number): Functions {
  const codes = new WasmReader(code, 0)
  const bodies = Array.from({ length: codes.u32() }, () => codes.bytes(codes.u32()))
  const numbers = new WasmReader(types, 0)
  const proven = new Map<Known, number>()
  bodies.forEach((body, at) => {
    const name = names.get(at + imported)
    if (name !== undefined && isKnown(name) && fingerprint(body, names) === known[name]) proven.set(name, at + imported)
  })
  return { imported, bodies, types: Array.from({ length: numbers.u32() }, () => numbers.u32()), indices: new Map([...names].map(([index, name]) => [name, index])), proven }
}

function isKnown(name: string): name is Known {
  return Object.hasOwn(known, name)
}

function fingerprint(body: Uint8Array, names: ReadonlyMap<number, string>): string {
  const hash = crypto.createHash('sha256').update(body.subarray(0, startOf(body)))
  for (const { code, at, end } of instructionsOf(body)) hash.update(code === op.call ? names.get(operandAt(body, at)) ?? '' : body.subarray(at, end))
  return hash.digest('hex')
}
