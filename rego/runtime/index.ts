// A few functions of OPA's wasm library, in which most of an evaluation's time goes, replaced by quicker ones that answer the same. They
// are known by name and by the hash of their code: a module with others (of another version of OPA) keeps its own. This comes before the
// meter, so what is put in is paid for like all else. Sources: OPA 1.22.0, wasm/src and internal/compiler/wasm.
import crypto from 'node:crypto'
import { readFunctionNames, sections, WasmReader } from '../wasm-reader.ts'
import { codeOf, op, unsigned } from '../wasm-writer.ts'
import { calleeAt, instructionsOf, startOf } from './instructions.ts'
import { keepHashes } from './hashes.ts'
import { answerWithArray } from './result.ts'
import { compareByEight } from './texts.ts'
import { keepValues } from './values.ts'

/** SHA-256 of each body, calls written as the name of who is called. */
const known = {
  opa_malloc_init: '9188d4a2bfcb8b113a302c5d4d2f1d14fa454596dc48db20d099d47651ec84f5',
  opa_memoize_get: '2cf395bc386fe27bb40e866d2edf07f247ecf136cd812fe27900ecb6964e6040',
  opa_memoize_init: 'c7215456ba2b2411ee03e4791675eaa0c9b86dca8a449ad0c299e069b19caf61',
  opa_memoize_insert: '3ca1f874ee5b8c3a3c83a0d86b4c5e952fcd2db4f49fab182337ba501825e5a3',
  opa_memoize_pop: '450bd5e33394357b53e5d59a4328ffe0ead343d7a5e43d9ffe2a72d12312ec90',
  opa_memoize_push: 'e635c8f84a06a421ee13aa186c6fb611e4f70952e3993a955414c61a0783738a',
  opa_strncmp: 'c3307faca7d09de93d594d3f6a62d8523560e002b200a08b8bd300f1451a9971',
  opa_value_hash: '1359633f2df0dad80c95936cecc11af542a5f4c87b9e458bbd670a5f7dcd08ef',
} as const
export type Known = keyof typeof known

/** A module's functions, to be changed in place. An index here counts imported functions, as a call does; a place in `bodies` does not. */
export interface Functions {
  readonly imported: number
  readonly bodies: Uint8Array[]
  /** Number of each body's type. */
  readonly types: number[]
  /** By name; of two with one name the last. */
  readonly indices: ReadonlyMap<string, number>
  /** Those that are what they are known to be. */
  readonly proven: ReadonlyMap<Known, number>
}

/**
 * Changes the functions in `parts`, the sections of `wasm`.
 * @param wasm valid by itself
 * @returns names of the functions that were replaced
 */
export function quicken(parts: Map<number, Uint8Array>, wasm: Uint8Array, imported: number): readonly string[] {
  const code = parts.get(sections.code)
  const types = parts.get(sections.function)
  const names = readFunctionNames(wasm)
  if (!code || !types || names.size === 0) return []
  const functions = readFunctions(code, types, names, imported)
  const replaced = [...keepHashes(functions), ...keepValues(functions, parts), ...compareByEight(functions), ...answerWithArray(functions)]
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
  for (const { code, at, end } of instructionsOf(body)) hash.update(code === op.call ? names.get(calleeAt(body, at)) ?? '' : body.subarray(at, end))
  return hash.digest('hex')
}
