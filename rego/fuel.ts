// Puts a counter into a copy of a policy module, because an evaluation on the main thread cannot be interrupted from outside: every loop
// turn, every call of a function that is long or that calls itself again, and every growth of the memory takes from it; at zero the module
// traps. What lies between two ticks is straight-line code, and a tick takes one for each 4 KiB of it: so a tank bounds the time of an
// evaluation. Format: WebAssembly Core Specification 2.0, §5.
import { checkShape } from './module-shape.ts'
import { quicken } from './runtime/index.ts'
import { readSections, sections, WasmReader } from './wasm-reader.ts'
import { append, codeOf, countOf, emptyBlock, exportKinds, i32, moduleOf, nameOf, op, signed, unsigned } from './wasm-writer.ts'

/** Name under which a metered module exports its tank (a mutable i32 global). */
export const fuelExport = 'countersign_fuel'
/** Name under which it exports what its start section named: an instance that takes over another's memory must not run it. */
export const startExport = 'countersign_start'

/** Of code between two ticks, that one of fuel pays for. OPA's own functions are smaller, nearly all of them. */
const bytesPerUnit = 4_096
/** Of a function with all that it calls; a shorter one is part of its callers' straight line. */
const maxInLineBytes = 16_384
/** What takes as long as so much code. Of host functions `opa_abort` ends it all, and a built-in takes its price itself (`machine.ts`). */
const growthWeight = 128
const printBytes = 131_072
const builtinBytes = bytesPerUnit
const maxWeight = 0x7fffffff

/**
 * A copy of `wasm` that burns fuel. Its tank starts with `fuel`: what runs at loading is paid for too. It starts nothing by itself.
 * @param wasm valid by itself: what it says of a global that it does not have would be said of the tank
 * @throws PolicyError `ERR_BUNDLE_MALFORMED` for what this does not know; nothing is passed through unmetered
 */
export function meterModule(wasm: Uint8Array, fuel: number): Uint8Array {
  const parts = readSections(wasm)
  const importedFunctions = checkShape(parts)
  quicken(parts, wasm, importedFunctions.length)
  const index = countOf(parts.get(sections.global))
  parts.set(sections.global, append(parts.get(sections.global), [i32, 1, op.i32Const, ...signed(fuel), op.end]))
  parts.set(sections.export, append(parts.get(sections.export), [...nameOf(fuelExport), exportKinds.global, ...unsigned(index)]))
  const start = parts.get(sections.start)
  if (start) parts.set(sections.export, append(parts.get(sections.export), [...nameOf(startExport), exportKinds.func, ...start]))
  parts.delete(sections.start)
  const code = parts.get(sections.code)
  if (code) parts.set(sections.code, meterCode(code, index, importedFunctions))
  return moduleOf(parts)
}

interface Body {
  readonly bytes: Uint8Array
  /** Behind the locals. */
  readonly start: number
  /** Behind each loop's block type: a branch to the loop lands there. */
  readonly loops: readonly number[]
  /** Before each growth of the memory. */
  readonly growths: readonly number[]
  /** Function index of each direct call. */
  readonly callees: readonly number[]
  readonly indirectCalls: number
}

function meterCode(code: Uint8Array, index: number, importedFunctions: readonly string[]): Uint8Array {
  const reader = new WasmReader(code, 0)
  const bodies = Array.from({ length: reader.u32() }, () => readBody(reader.bytes(reader.u32())))
  const lengths = lengthsOf(bodies, importedFunctions)
  return codeOf(bodies.map((body, at) => {
    const length = lengths[at] ?? { bytes: 0, isInLine: false }
    return meterBody(body, tick(index, Math.min(maxWeight, 1 + Math.floor(length.bytes / bytesPerUnit))), tick(index, growthWeight), !length.isInLine)
  }))
}

interface Length {
  /** Of its code and of what it calls that does not pay for itself. */
  readonly bytes: number
  readonly isInLine: boolean
}

// In line is what is short and cannot come back to itself without a tick: on each circle of calls one function at least pays, the one
// that the search met while it was still at it. Who may be called indirectly is not known, so whoever does that pays, for the longest.
function lengthsOf(bodies: readonly Body[], importedFunctions: readonly string[]): readonly Length[] {
  const lengths: Length[] = []
  const open = new Set<number>()
  const circular = new Set<number>()
  const measure = (at: number): Length => {
    const known = lengths[at]
    if (known) return known
    const body = bodies[at]
    if (!body) return { bytes: 0, isInLine: false }
    if (open.has(at)) {
      circular.add(at)
      return { bytes: 0, isInLine: false }
    }
    open.add(at)
    let bytes = body.bytes.length + body.indirectCalls * maxInLineBytes
    for (const callee of body.callees) {
      const name = importedFunctions[callee]
      if (name === undefined) {
        const length = measure(callee - importedFunctions.length)
        if (length.isInLine) bytes += length.bytes
      } else if (name === 'opa_println') bytes += printBytes
      else if (name !== 'opa_abort') bytes += builtinBytes
    }
    open.delete(at)
    return lengths[at] = { bytes, isInLine: body.indirectCalls === 0 && bytes <= maxInLineBytes && !circular.has(at) }
  }
  bodies.forEach((_, at) => measure(at))
  return lengths
}

function readBody(bytes: Uint8Array): Body {
  const reader = new WasmReader(bytes, 0)
  for (let groups = reader.u32(); groups > 0; groups--) {
    reader.u32()
    reader.byte()
  }
  const start = reader.at
  const loops: number[] = []
  const growths: number[] = []
  const callees: number[] = []
  let indirectCalls = 0
  while (reader.at < bytes.length) {
    const at = reader.at
    const code = reader.instruction()
    if (code === op.loop) loops.push(reader.at)
    else if (code === op.memoryGrow) growths.push(at)
    else if (code === op.call) callees.push(new WasmReader(bytes, at + 1).u32())
    else if (code === op.callIndirect) indirectCalls++
  }
  return { bytes, start, loops, growths, callees, indirectCalls }
}

/** Takes `weight` from the tank, and traps with an empty one where there is less in it. */
function tick(index: number, weight: number): Uint8Array {
  const get = [op.globalGet, ...unsigned(index)]
  const set = [op.globalSet, ...unsigned(index)]
  const isShort = weight === 1 ? [op.i32Eqz] : [op.i32Const, ...signed(weight), op.i32LtS]
  const empty = weight === 1 ? [] : [op.i32Const, 0, ...set]
  return Uint8Array.of(...get, ...isShort, op.if, emptyBlock, ...empty, op.unreachable, op.end, ...get, op.i32Const, ...signed(weight), op.i32Sub, ...set)
}

function meterBody({ bytes, start, loops, growths }: Body, tick: Uint8Array, growthTick: Uint8Array, isTickedAtEntry: boolean): Uint8Array {
  const chunks: Uint8Array[] = [bytes.subarray(0, start)]
  if (isTickedAtEntry) chunks.push(tick)
  let copied = start
  const places = [...loops.map(at => ({ at, tick })), ...growths.map(at => ({ at, tick: growthTick }))].sort((one, other) => one.at - other.at)
  for (const place of places) {
    chunks.push(bytes.subarray(copied, place.at), place.tick)
    copied = place.at
  }
  return Buffer.concat([...chunks, bytes.subarray(copied)])
}
