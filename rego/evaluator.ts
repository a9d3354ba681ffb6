// A strict host around the npm evaluator: it asks a machine that has its data (image.ts); calls and faults are ours.
// OPA's wasm ABI: https://www.openpolicyagent.org/docs/wasm (1.2 or newer: `opa_value_dump`, `opa_value_parse`).
import type { Made } from './answer-mark.ts'
import { PolicyError } from './errors.ts'
import { makeImage, openMachine, openMachineInTurns } from './image.ts'
import type { Image, ImageOptions, LoadedMachine } from './image.ts'
import { pageBytes, toPolicyError, writeText } from './machine.ts'
import type { Exports, MachineOptions } from './machine.ts'

/** Bytes of JSON that one evaluation takes. */
export const maxInputBytes = 1_048_576
/** Arrays and objects inside one another in an input. */
export const maxInputDepth = 128

export interface EvaluatorOptions extends MachineOptions {
  /** Of an evaluation, where it may take less than starting the module may. */
  readonly evaluationFuel?: number
}

export interface Evaluator {
  readonly entrypoints: ReadonlySet<string>
  /** Of the host's, those that the module calls. */
  readonly builtins: readonly string[]
  /** Result set of `entrypoint` on JSON text `input`, as JSON text; without a text there is no `input`. @throws PolicyError; the next call works again */
  evaluate(entrypoint: string, input: string | undefined): string
  /** The same, for what is made of the answer. @throws PolicyError, and what `made` throws */
  evaluateTo<T>(entrypoint: string, input: string, made: Made<T>): T
}

/** Ready at once. @throws PolicyError `ERR_BUNDLE_MALFORMED`, `ERR_BUNDLE_BUILTIN` (one is missing) or what its data ran into */
export function createEvaluator(options: EvaluatorOptions & ImageOptions): Evaluator {
  const image = makeImage(options)
  return evaluatorOf(image, openMachine(image, options), options)
}

/** Of an image that another thread made, for one that has calls to answer. @throws PolicyError as above */
export async function openEvaluator(image: Image, options: EvaluatorOptions): Promise<Evaluator> {
  return evaluatorOf(image, await openMachineInTurns(image, options), options)
}

function evaluatorOf(image: Image, first: LoadedMachine, options: EvaluatorOptions): Evaluator {
  const entrypoints = new Map(image.entrypoints)
  // What the data leave of the memory is for evaluations.
  const maxKeptBytes = Math.max(image.pages * pageBytes, (image.memory.length + options.maxMemoryPages * pageBytes) / 2)
  let machine: LoadedMachine | undefined = first
  const answer = <T>(entrypoint: string, input: string | undefined, take: (running: LoadedMachine, address: number) => T): T => {
    const id = entrypoints.get(entrypoint)
    if (id === undefined) throw new PolicyError('ERR_BUNDLE_MALFORMED', `the bundle has no entrypoint ${entrypoint}`)
    // An instance that trapped or aborted has half a heap in it: it is dropped, and made again for the next call.
    const running = machine ?? openMachine(image, options)
    machine = undefined
    const result = run(running, image, id, input, options, take)
    // Memory never shrinks: one that grew over half of what there is for it is given back as well.
    if (running.memory.buffer.byteLength <= maxKeptBytes) machine = running
    return result
  }
  return {
    entrypoints: new Set(entrypoints.keys()),
    builtins: image.builtins.map(([name]) => name).sort(),
    evaluate: (entrypoint, input) => answer(entrypoint, input, ({ readAnswer }, address) => readAnswer(address)),
    evaluateTo(entrypoint, input, made) {
      const found = answer(entrypoint, input, made.find)
      return found.isKnown ? found.value : made.make(found)
    },
  }
}

function run<T>(machine: LoadedMachine, image: Image, id: number, input: string | undefined, options: EvaluatorOptions, take: (running: LoadedMachine, address: number) => T): T {
  const { exports, memory, fuel } = machine
  if (input !== undefined && input.length > maxInputBytes) throw new PolicyError('ERR_POLICY_INPUT', `the input is larger than ${maxInputBytes} bytes`)
  fuel.value = options.evaluationFuel ?? options.fuel
  try {
    exports.opa_heap_ptr_set(image.memory.length)
    const value = input === undefined ? 0 : parseInput(exports, memory, input)
    const context = exports.opa_eval_ctx_new()
    exports.opa_eval_ctx_set_input(context, value)
    exports.opa_eval_ctx_set_data(context, image.data)
    exports.opa_eval_ctx_set_entrypoint(context, id)
    exports.eval(context)
    return take(machine, exports.opa_eval_ctx_get_result(context))
  } catch (cause) {
    throw toPolicyError(cause, fuel)
  }
}

function parseInput(exports: Exports, memory: WebAssembly.Memory, input: string): number {
  const [address, size] = writeText(exports, memory, input)
  checkInput(memory, address, size)
  const value = exports.opa_json_parse(address, size)
  // The one-call `opa_eval` takes JSON it cannot parse for "no input", and goes on.
  if (value === 0) throw new PolicyError('ERR_POLICY_INPUT', 'the policy module cannot parse the input')
  return value
}

// Over what was encoded, because a byte costs less to look at than a character: nesting would overflow the module's stack, and it has no
// notion of half a character. What opens nothing 129 times, and escapes nothing, has neither: most inputs are told by that.
function checkInput(memory: WebAssembly.Memory, address: number, size: number): void {
  const bytes = new Uint8Array(memory.buffer, address, size)
  let opened = 0
  // 0x5b and 0x7b, [ and {, differ in this one bit.
  for (let at = 0; at < size; at++) if (((bytes[at] ?? 0) & 0xdf) === 0x5b) opened++
  if (opened > maxInputDepth || bytes.includes(0x5c)) checkByUnits(bytes, size)
}

function checkByUnits(bytes: Uint8Array, size: number): void {
  let depth = 0
  let isInText = false
  for (let at = 0; at < size; at++) {
    const unit = bytes[at]
    if (isInText) {
      if (unit === 0x22) isInText = false
      else if (unit === 0x5c) {
        at++
        // JSON.stringify escapes a surrogate only when it is alone.
        if (bytes[at] === 0x75 && bytes[at + 1] === 0x64) throw new PolicyError('ERR_POLICY_INPUT', 'the input has text that is not Unicode')
      }
    } else if (unit === 0x22) isInText = true
    else if (unit === 0x7b || unit === 0x5b) {
      depth++
      if (depth > maxInputDepth) throw new PolicyError('ERR_POLICY_INPUT', `the input is nested deeper than ${maxInputDepth}`)
    } else if (unit === 0x7d || unit === 0x5d) depth--
  }
}
