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
const maxInLineBytes = 8_192
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
  readonly loops: readonly Loop[]
  /** Before each growth of the memory. */
  readonly growths: readonly number[]
  readonly calls: readonly Call[]
}

/** From behind its block type, where a branch to it lands, to behind its end. */
interface Loop { readonly start: number; readonly end: number }
/** Of a function by its index, or by the table. */
interface Call { readonly at: number; readonly callee: number | undefined }

function meterCode(code: Uint8Array, index: number, importedFunctions: readonly string[]): Uint8Array {
  const reader = new WasmReader(code, 0)
  const bodies = Array.from({ length: reader.u32() }, () => readBody(reader.bytes(reader.u32())))
  const lengths = lengthsOf(bodies, importedFunctions)
  const weigh = (length: number) => tick(index, Math.min(maxWeight, 1 + Math.floor(length / bytesPerUnit)))
  const growth = tick(index, growthWeight)
  return codeOf(bodies.map((body, at) => meterBody(body, [
    ...lengths.isInLine(at) ? [] : [{ at: body.start, tick: weigh(lengths.of(body, { start: 0, end: body.bytes.length })) }],
    ...body.loops.map(loop => ({ at: loop.start, tick: weigh(lengths.of(body, loop)) })),
    ...body.growths.map(at => ({ at, tick: growth })),
  ])))
}

interface Lengths {
  isInLine(at: number): boolean
  /** Of a part's code, and of what it calls that does not pay for itself. */
  of(body: Body, part: Loop): number
}

// In line is what is short and cannot come back to itself without a tick: on each circle of calls one function at least pays, the one
// that the search met while it was still at it. Who may be called by the table is not known, so whoever does that pays, for the longest.
function lengthsOf(bodies: readonly Body[], importedFunctions: readonly string[]): Lengths {
  // Of those in line; the others count as nothing to who calls them.
  const known: (number | undefined)[] = []
  const measured = new Set<number>()
  const open = new Set<number>()
  const circular = new Set<number>()
  const measure = (at: number): number => {
    const body = bodies[at]
    if (measured.has(at) || !body) return known[at] ?? 0
    if (open.has(at)) {
      circular.add(at)
      return 0
    }
    open.add(at)
    const bytes = of(body, { start: 0, end: body.bytes.length })
    open.delete(at)
    measured.add(at)
    if (bytes <= maxInLineBytes && !circular.has(at) && body.calls.every(({ callee }) => callee !== undefined)) known[at] = bytes
    return known[at] ?? 0
  }
  const of = (body: Body, { start, end }: Loop): number => {
    let bytes = end - start
    for (const { at, callee } of body.calls) if (at >= start && at < end) bytes += callee === undefined ? maxInLineBytes : callee < importedFunctions.length ? hostBytes(importedFunctions[callee]) : measure(callee - importedFunctions.length)
    return bytes
  }
  bodies.forEach((_, at) => measure(at))
  return { isInLine: at => known[at] !== undefined, of }
}

function hostBytes(name: string | undefined): number {
  if (name === 'opa_abort') return 0
  return name === 'opa_println' ? printBytes : builtinBytes
}

function readBody(bytes: Uint8Array): Body {
  const reader = new WasmReader(bytes, 0)
  for (let groups = reader.u32(); groups > 0; groups--) {
    reader.u32()
    reader.byte()
  }
  const start = reader.at
  const loops: Loop[] = []
  const growths: number[] = []
  const calls: Call[] = []
  // What is open: where it began, if it is a loop.
  const blocks: (number | undefined)[] = []
  while (reader.at < bytes.length) {
    const at = reader.at
    const code = reader.instruction()
    if (code === op.loop) blocks.push(reader.at)
    else if (code === op.block || code === op.if) blocks.push(undefined)
    else if (code === op.end) {
      const loop = blocks.pop()
      if (loop !== undefined) loops.push({ start: loop, end: reader.at })
    } else if (code === op.memoryGrow) growths.push(at)
    else if (code === op.call) calls.push({ at, callee: new WasmReader(bytes, at + 1).u32() })
    else if (code === op.callIndirect) calls.push({ at, callee: undefined })
  }
  return { bytes, start, loops, growths, calls }
}

/** Takes `weight` from the tank, and traps with an empty one where there is less in it. */
function tick(index: number, weight: number): Uint8Array {
  const get = [op.globalGet, ...unsigned(index)]
  const set = [op.globalSet, ...unsigned(index)]
  const isShort = weight === 1 ? [op.i32Eqz] : [op.i32Const, ...signed(weight), op.i32LtS]
  const empty = weight === 1 ? [] : [op.i32Const, 0, ...set]
  return Uint8Array.of(...get, ...isShort, op.if, emptyBlock, ...empty, op.unreachable, op.end, ...get, op.i32Const, ...signed(weight), op.i32Sub, ...set)
}

function meterBody({ bytes }: Body, ticks: readonly { readonly at: number; readonly tick: Uint8Array }[]): Uint8Array {
  const chunks: Uint8Array[] = []
  let copied = 0
  for (const { at, tick } of ticks.toSorted((one, other) => one.at - other.at)) {
    chunks.push(bytes.subarray(copied, at), tick)
    copied = at
  }
  return Buffer.concat([...chunks, bytes.subarray(copied)])
}
