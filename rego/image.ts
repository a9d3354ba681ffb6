// What a policy module is once it was started and has its data: its code and its memory. A machine is made of it by one copy, so data
// are parsed once, and not where calls wait; it can be handed from one thread to another.
import { createRequire } from 'node:module'
import { setImmediate as turn } from 'node:timers/promises'
import type { LoadedPolicy } from '@open-policy-agent/opa-wasm'
import { createAnswerReader } from './answer.ts'
import type { AnswerReader } from './answer.ts'
import { createAnswerMarker } from './answer-mark.ts'
import type { AnswerMarker } from './answer-mark.ts'
import { PolicyError } from './errors.ts'
import { meterModule, startExport } from './fuel.ts'
import { createMachine, maxResultBytes, pageBytes, readText, toLoadError, writeText } from './machine.ts'
import type { Exports, Machine, MachineOptions } from './machine.ts'
import { declaredPages } from './module-shape.ts'

// The package's ES module exports less than its CommonJS one.
const opaWasm = createRequire(import.meta.url)('@open-policy-agent/opa-wasm') as { readonly LoadedPolicy: typeof LoadedPolicy }

/** Pages at the start; a module's own image and its data need about three, unless it has many constants. */
const initialPages = 16
/** Copied in one turn of the event loop: half a millisecond, most of it for pages that are touched for the first time. */
const bytesPerTurn = 524_288

export interface Image {
  readonly module: WebAssembly.Module
  /** From the start of memory to where evaluations begin to write. */
  readonly memory: Uint8Array<ArrayBuffer>
  /** Of 64 KiB, that the module takes its memory for: loading leaves more behind the data than is copied, and the module has noted that it is there. */
  readonly pages: number
  /** Address of the data. */
  readonly data: number
  readonly entrypoints: readonly (readonly [name: string, id: number])[]
  readonly builtins: readonly (readonly [name: string, id: number])[]
  /** Answers can be read where they lie, see `answer.ts`. */
  readonly isLayoutKnown: boolean
}

/** A machine with data in it. */
export interface LoadedMachine extends Machine {
  readonly readAnswer: AnswerReader
  readonly markAnswer: AnswerMarker | undefined
}

export interface ImageOptions extends MachineOptions {
  readonly wasm: Uint8Array
  /** JSON text of the bundle's data. */
  readonly data: string
}

/** @throws PolicyError `ERR_BUNDLE_MALFORMED`, `ERR_BUNDLE_BUILTIN` (one is missing) or what its data ran into */
export function makeImage(options: ImageOptions): Image {
  const module = compile(options)
  // One more than it says: what runtime/ keeps lies behind the constants.
  const pages = Math.max(initialPages, declaredPages(options.wasm) + 1)
  if (pages > options.maxMemoryPages) throw new PolicyError('ERR_BUNDLE_MALFORMED', `the policy module has constants that take ${pages} pages of 64 KiB, and may have ${options.maxMemoryPages} for all it does`)
  const machine = createMachine(module, pages, options)
  const { instance, memory, exports } = machine
  start(instance)
  try {
    const minor = (instance.exports['opa_wasm_abi_minor_version'] as WebAssembly.Global | undefined)?.value
    const major = (instance.exports['opa_wasm_abi_version'] as WebAssembly.Global | undefined)?.value
    if (major !== 1 || minor === undefined || minor < 2) throw new PolicyError('ERR_BUNDLE_MALFORMED', 'the policy module has an ABI other than 1.2 or newer')
    // What the start took is not taken from the data.
    machine.fuel.value = options.fuel
    const builtins = Object.entries(JSON.parse(readText(memory, exports.opa_json_dump((instance.exports['builtins'] as () => number)()), maxResultBytes)) as Record<string, number>)
    machine.bind(builtins)
    // The package takes an instance where its types ask for a module with one.
    const loaded = new opaWasm.LoadedPolicy({ instance, module }, memory, minor)
    loaded.setData(new TextEncoder().encode(options.data).slice().buffer)
    const heap = loaded.dataHeapPtr as number
    const isLayoutKnown = readsAsWritten(exports, memory, heap)
    exports.opa_heap_ptr_set(heap)
    return { module, memory: new Uint8Array(memory.buffer).slice(0, heap), pages: memory.buffer.byteLength / pageBytes, data: loaded.dataAddr, entrypoints: Object.entries(loaded.entrypoints as Record<string, number>), builtins, isLayoutKnown }
  } catch (cause) {
    throw toLoadError(cause, machine.fuel)
  }
}

/** In one go. @throws PolicyError */
export function openMachine(image: Image, options: MachineOptions): LoadedMachine {
  const machine = connect(image, options)
  new Uint8Array(machine.memory.buffer).set(image.memory)
  return machine
}

/** The same, for a thread that has calls to answer meanwhile. @throws PolicyError */
export async function openMachineInTurns(image: Image, options: MachineOptions): Promise<LoadedMachine> {
  const machine = connect(image, options)
  for (let at = 0; at < image.memory.length; at += bytesPerTurn) {
    await turn()
    new Uint8Array(machine.memory.buffer).set(image.memory.subarray(at, at + bytesPerTurn), at)
  }
  await turn()
  return machine
}

function connect(image: Image, options: MachineOptions): LoadedMachine {
  const machine = createMachine(image.module, image.pages, options)
  machine.bind(image.builtins)
  const { memory, exports } = machine
  const known = { memory, end: image.memory.length }
  return image.isLayoutKnown ? { ...machine, readAnswer: createAnswerReader(known), markAnswer: createAnswerMarker(known) } : { ...machine, readAnswer: dumpOf(exports, memory), markAnswer: undefined }
}

function compile({ wasm, fuel }: ImageOptions): WebAssembly.Module {
  // Before it is metered: a module that names a global which it does not have would name the tank.
  if (!WebAssembly.validate(wasm)) throw new PolicyError('ERR_BUNDLE_MALFORMED', 'the policy module is not WebAssembly')
  try {
    return new WebAssembly.Module(meterModule(wasm, fuel))
  } catch (cause) {
    if (cause instanceof PolicyError) throw cause
    throw new PolicyError('ERR_BUNDLE_MALFORMED', 'the policy module cannot be metered', { cause })
  }
}

/** On the fuel that it was metered with. */
function start(instance: WebAssembly.Instance): void {
  try {
    (instance.exports[startExport] as (() => void) | undefined)?.()
  } catch (cause) {
    throw toLoadError(cause, undefined)
  }
}

// One of each kind of value that a policy can make: if they read as the module writes them, its layout is the known one.
const layoutProbe = '{"null": [null, true, false, 0, -7, 9007199254740991, 1.5, 1e400, "", "a\\"\\u00e9\\n"], "objects": [{}, {"a": {"b": []}, "c": 1}], "sets": [set(), {1, "x", [2], {"y": {3}}}], 4: {[5]: 6}}'

function readsAsWritten(exports: Exports, memory: WebAssembly.Memory, heap: number): boolean {
  exports.opa_heap_ptr_set(heap)
  const probe = exports.opa_value_parse(...writeText(exports, memory, layoutProbe))
  try {
    return probe !== 0 && createAnswerReader({ memory, end: heap })(probe) === dumpOf(exports, memory)(probe)
  } catch (cause) {
    if (!(cause instanceof PolicyError || cause instanceof RangeError)) throw cause
    return false
  }
}

function dumpOf(exports: Exports, memory: WebAssembly.Memory): AnswerReader {
  return address => readText(memory, exports.opa_json_dump(address), maxResultBytes)
}
