// A policy module made ready to be asked: validated, metered, started, with its data in memory. What comes of a call is evaluator.ts.
// OPA's wasm ABI: https://www.openpolicyagent.org/docs/wasm (1.2 or newer: `opa_value_dump`, `opa_value_parse`).
import { createRequire } from 'node:module'
import type { LoadedPolicy } from '@open-policy-agent/opa-wasm'
import { createAnswerReader } from './answer.ts'
import type { AnswerReader } from './answer.ts'
import { PolicyError } from './errors.ts'
import { fuelExport, meterModule } from './fuel.ts'
import { parseValueText, writeValueText } from './builtins/value.ts'
import type { Builtin, BuiltinMaker } from './builtins/value.ts'

// The package's ES module exports less than its CommonJS one.
const opaWasm = createRequire(import.meta.url)('@open-policy-agent/opa-wasm') as { readonly LoadedPolicy: typeof LoadedPolicy }

const maxResultBytes = 1_048_576
const maxMessageBytes = 256
/** Pages at the start; the module's own image and its data need about three. */
const initialPages = 16

export interface MachineOptions {
  readonly wasm: Uint8Array
  /** JSON text of the bundle's data. */
  readonly data: string
  /** Only those that the module names are made. */
  readonly builtins: ReadonlyMap<string, BuiltinMaker>
  /** Of 64 KiB each; the evaluation that wants more is an error. */
  readonly maxMemoryPages: number
  /** Loop turns and calls that one evaluation may take, see `fuel.ts`. */
  readonly fuel: number
}

export interface Exports {
  readonly opa_malloc: (size: number) => number
  readonly opa_json_parse: (address: number, size: number) => number
  readonly opa_json_dump: (value: number) => number
  readonly opa_value_parse: (address: number, size: number) => number
  readonly opa_value_dump: (value: number) => number
  readonly opa_heap_ptr_set: (address: number) => void
  readonly opa_eval_ctx_new: () => number
  readonly opa_eval_ctx_set_input: (context: number, value: number) => void
  readonly opa_eval_ctx_set_data: (context: number, value: number) => void
  readonly opa_eval_ctx_set_entrypoint: (context: number, id: number) => void
  readonly opa_eval_ctx_get_result: (context: number) => number
  readonly eval: (context: number) => number
}

/** What `opa_abort` throws: the policy's own words for why it cannot go on. */
class Abort extends Error {}

export interface Machine {
  readonly exports: Exports
  readonly memory: WebAssembly.Memory
  readonly fuel: WebAssembly.Global
  readonly entrypoints: ReadonlyMap<string, number>
  readonly builtins: readonly string[]
  readonly data: number
  readonly heap: number
  readonly readAnswer: AnswerReader
}

/** @throws PolicyError `ERR_BUNDLE_MALFORMED` */
export function compileModule({ wasm, fuel }: MachineOptions): WebAssembly.Module {
  // Before it is metered: a module that names a global which it does not have would name the tank.
  if (!WebAssembly.validate(wasm)) throw new PolicyError('ERR_BUNDLE_MALFORMED', 'the policy module is not WebAssembly')
  try {
    return new WebAssembly.Module(meterModule(wasm, fuel))
  } catch (cause) {
    if (cause instanceof PolicyError) throw cause
    throw new PolicyError('ERR_BUNDLE_MALFORMED', 'the policy module cannot be metered', { cause })
  }
}

/** @throws PolicyError `ERR_BUNDLE_MALFORMED`, `ERR_BUNDLE_BUILTIN` (one is missing) or what its data ran into */
export function startMachine(module: WebAssembly.Module, options: MachineOptions): Machine {
  const memory = new WebAssembly.Memory({ initial: initialPages, maximum: options.maxMemoryPages })
  const builtins = new Map<number, Builtin>()
  let instance: WebAssembly.Instance | undefined
  const call = (id: number, ...values: number[]) => callBuiltin(instance, memory, builtins.get(id), values)
  const imports = {
    env: {
      memory,
      opa_abort: (address: number) => { throw new Abort(readText(memory, address, maxMessageBytes)) },
      opa_println: () => {},
      opa_builtin0: (id: number) => call(id),
      opa_builtin1: (id: number, _context: number, a: number) => call(id, a),
      opa_builtin2: (id: number, _context: number, a: number, b: number) => call(id, a, b),
      opa_builtin3: (id: number, _context: number, a: number, b: number, c: number) => call(id, a, b, c),
      opa_builtin4: (id: number, _context: number, a: number, b: number, c: number, d: number) => call(id, a, b, c, d),
    },
  }
  try {
    // Its start function runs here, on the fuel that it was metered with.
    instance = new WebAssembly.Instance(module, imports)
    const fuel = instance.exports[fuelExport] as WebAssembly.Global
    fuel.value = options.fuel
    const minor = (instance.exports['opa_wasm_abi_minor_version'] as WebAssembly.Global | undefined)?.value
    const major = (instance.exports['opa_wasm_abi_version'] as WebAssembly.Global | undefined)?.value
    if (major !== 1 || minor === undefined || minor < 2) throw new PolicyError('ERR_BUNDLE_MALFORMED', 'the policy module has an ABI other than 1.2 or newer')
    const exports = instance.exports as unknown as Exports
    const wanted = JSON.parse(readText(memory, exports.opa_json_dump((instance.exports['builtins'] as () => number)()), maxResultBytes)) as Record<string, number>
    for (const [name, id] of Object.entries(wanted)) {
      const make = options.builtins.get(name)
      if (!make) throw new PolicyError('ERR_BUNDLE_BUILTIN', `the policy needs the built-in function ${name}, which the host does not have`)
      builtins.set(id, make(steps => { fuel.value = Math.max(0, fuel.value - steps) }))
    }
    // The package takes an instance where its types ask for a module with one.
    const loaded = new opaWasm.LoadedPolicy({ instance, module }, memory, minor)
    loaded.setData(new TextEncoder().encode(options.data).slice().buffer)
    const heap = loaded.dataHeapPtr as number
    return { exports, memory, fuel, entrypoints: new Map(Object.entries(loaded.entrypoints as Record<string, number>)), builtins: Object.keys(wanted).sort(), data: loaded.dataAddr, heap, readAnswer: answerReaderOf(exports, memory, heap) }
  } catch (cause) {
    // Memory or functions of another shape than OPA's ABI has them.
    if (cause instanceof WebAssembly.LinkError || cause instanceof TypeError) throw new PolicyError('ERR_BUNDLE_MALFORMED', "the policy module does not fit OPA's ABI", { cause })
    throw toPolicyError(cause, instance?.exports[fuelExport] as WebAssembly.Global | undefined)
  }
}

// One of each kind of value that a policy can make: if they read as the module writes them, its layout is the known one.
const layoutProbe = '{"null": [null, true, false, 0, -7, 9007199254740991, 1.5, 1e400, "", "a\\"\\u00e9\\n"], "objects": [{}, {"a": {"b": []}, "c": 1}], "sets": [set(), {1, "x", [2], {"y": {3}}}], 4: {[5]: 6}}'

function answerReaderOf(exports: Exports, memory: WebAssembly.Memory, heap: number): AnswerReader {
  const dump = (address: number) => readText(memory, exports.opa_json_dump(address), maxResultBytes)
  exports.opa_heap_ptr_set(heap)
  const probe = exports.opa_value_parse(...writeText(exports, memory, layoutProbe))
  try {
    // Nothing is kept of what stands behind the end: the reader starts empty.
    const read = createAnswerReader({ memory, end: heap })
    if (probe !== 0 && read(probe) === dump(probe)) return read
  } catch (cause) {
    if (!(cause instanceof PolicyError || cause instanceof RangeError)) throw cause
  }
  return dump
}

const encoder = new TextEncoder()

/** Where `text` was put, and how many bytes it has. */
export function writeText(exports: Exports, memory: WebAssembly.Memory, text: string): readonly [number, number] {
  // A UTF-16 unit is at most three bytes of UTF-8.
  const address = exports.opa_malloc(text.length * 3)
  const { written } = encoder.encodeInto(text, new Uint8Array(memory.buffer, address, text.length * 3))
  return [address, written]
}

function readText(memory: WebAssembly.Memory, address: number, maxBytes: number): string {
  const bytes = new Uint8Array(memory.buffer, address)
  const end = bytes.indexOf(0)
  if (end < 0) throw new PolicyError('ERR_POLICY_TRAP', 'the policy module answered with text that has no end')
  if (end > maxBytes && maxBytes === maxResultBytes) throw new PolicyError('ERR_POLICY_MALFORMED', `the result is larger than ${maxResultBytes} bytes`)
  return Buffer.from(memory.buffer, address, Math.min(end, maxBytes)).toString('utf8')
}

// Values cross as Rego text, which unlike JSON knows a set from an array. `undefined` makes the calling expression undefined, as OPA has it.
function callBuiltin(instance: WebAssembly.Instance | undefined, memory: WebAssembly.Memory, builtin: Builtin | undefined, values: readonly number[]): number {
  if (!instance || !builtin) throw new PolicyError('ERR_BUNDLE_BUILTIN', 'the policy module called a built-in function that it did not name')
  const exports = instance.exports as unknown as Exports
  const fuel = instance.exports[fuelExport] as WebAssembly.Global
  const texts = values.map(value => readText(memory, exports.opa_value_dump(value), maxResultBytes))
  // The way there and back is paid for by size, out of the same tank; dear work besides by whoever does it (`builtins/price.ts`).
  fuel.value = Math.max(0, fuel.value - 256 - texts.reduce((sum, text) => sum + text.length * 4, 0))
  const result = builtin(...texts.map(parseValueText))
  return result === undefined ? 0 : exports.opa_value_parse(...writeText(exports, memory, writeValueText(result)))
}

export function toPolicyError(cause: unknown, fuel: WebAssembly.Global | undefined): PolicyError {
  if (cause instanceof PolicyError) return cause
  if (cause instanceof Abort) {
    if (cause.message.includes('opa_malloc')) return new PolicyError('ERR_POLICY_MEMORY', 'the evaluation wants more memory than it may have', { cause })
    return new PolicyError('ERR_POLICY_TRAP', `the policy gave up: ${cause.message}`, { cause })
  }
  if (fuel && fuel.value <= 0) return new PolicyError('ERR_POLICY_TIMEOUT', 'the evaluation took more steps than it may', { cause })
  return new PolicyError('ERR_POLICY_TRAP', 'the policy module trapped', { cause })
}
