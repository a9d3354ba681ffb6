// A policy module with a host around it: memory, fuel, built-in functions, and what its faults are called. How it comes to its data is image.ts,
// what comes of a call evaluator.ts. OPA's wasm ABI: https://www.openpolicyagent.org/docs/wasm (1.2 or newer: `opa_value_dump`, `opa_value_parse`).
import { PolicyError } from './errors.ts'
import { fuelExport } from './fuel.ts'
import { parseValueText, writeValueText } from './builtins/value.ts'
import type { Builtin, BuiltinMaker } from './builtins/value.ts'

export const pageBytes = 65_536
/** Of a text that the module answers with. */
export const maxResultBytes = 1_048_576
const maxMessageBytes = 256

export interface MachineOptions {
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

/** Not started, and without data. */
export interface Machine {
  readonly instance: WebAssembly.Instance
  readonly exports: Exports
  readonly memory: WebAssembly.Memory
  readonly fuel: WebAssembly.Global
  /** Makes the host's functions that the module has these numbers for. @throws PolicyError `ERR_BUNDLE_BUILTIN` (one is missing) */
  bind(ids: Iterable<readonly [name: string, id: number]>): void
}

/** @throws PolicyError `ERR_BUNDLE_MALFORMED`, `ERR_POLICY_TRAP` */
export function createMachine(module: WebAssembly.Module, pages: number, options: MachineOptions): Machine {
  const builtins = new Map<number, Builtin>()
  let instance: WebAssembly.Instance | undefined
  const call = (id: number, ...values: number[]) => callBuiltin(instance, memory, builtins.get(id), values)
  const memory = new WebAssembly.Memory({ initial: pages, maximum: options.maxMemoryPages })
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
    instance = new WebAssembly.Instance(module, imports)
  } catch (cause) {
    throw toLoadError(cause, undefined)
  }
  const fuel = instance.exports[fuelExport] as WebAssembly.Global
  fuel.value = options.fuel
  return {
    instance, exports: instance.exports as unknown as Exports, memory, fuel,
    bind(ids) {
      for (const [name, id] of ids) {
        const make = options.builtins.get(name)
        if (!make) throw new PolicyError('ERR_BUNDLE_BUILTIN', `the policy needs the built-in function ${name}, which the host does not have`)
        builtins.set(id, make(steps => { fuel.value = Math.max(0, fuel.value - steps) }))
      }
    },
  }
}

const encoder = new TextEncoder()

/** Where `text` was put, and how many bytes it has. */
export function writeText(exports: Exports, memory: WebAssembly.Memory, text: string): readonly [number, number] {
  // A UTF-16 unit is at most three bytes of UTF-8.
  const address = exports.opa_malloc(text.length * 3)
  const { written } = encoder.encodeInto(text, new Uint8Array(memory.buffer, address, text.length * 3))
  return [address, written]
}

export function readText(memory: WebAssembly.Memory, address: number, maxBytes: number): string {
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

/** Of a module that is being loaded: memory or functions of another shape than OPA's ABI has them are its maker's fault. */
export function toLoadError(cause: unknown, fuel: WebAssembly.Global | undefined): PolicyError {
  if (cause instanceof WebAssembly.LinkError || cause instanceof TypeError) return new PolicyError('ERR_BUNDLE_MALFORMED', "the policy module does not fit OPA's ABI", { cause })
  return toPolicyError(cause, fuel)
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
