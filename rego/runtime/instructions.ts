// What stands in a function's body (WebAssembly Core Specification 2.0, §5.4), one instruction after another.
import { WasmReader } from '../wasm-reader.ts'
import { op } from '../wasm-writer.ts'

export interface Instruction {
  /** First byte. */
  readonly code: number
  readonly at: number
  readonly end: number
}

/** One call of a function, and the number that is put on the stack right before it. */
export interface Call {
  /** Place of the body that it stands in. */
  readonly body: number
  readonly constant: (Instruction & { readonly value: number }) | undefined
}

export function callsOf(bodies: readonly Uint8Array[], callee: number): Call[] {
  const calls: Call[] = []
  bodies.forEach((bytes, body) => {
    let before: Instruction | undefined
    for (const instruction of instructionsOf(bytes)) {
      if (instruction.code === op.call && operandAt(bytes, instruction.at) === callee) calls.push({ body, constant: before?.code === op.i32Const ? { ...before, value: operandAt(bytes, before.at) } : undefined })
      before = instruction
    }
  })
  return calls
}

export function* instructionsOf(body: Uint8Array): Generator<Instruction> {
  const reader = new WasmReader(body, 0)
  reader.at = startOf(body)
  while (reader.at < body.length) {
    const at = reader.at
    yield { code: reader.instruction(), at, end: reader.at }
  }
}

/** Behind the locals. */
export function startOf(body: Uint8Array): number {
  const reader = new WasmReader(body, 0)
  for (let groups = reader.u32(); groups > 0; groups--) {
    reader.u32()
    reader.byte()
  }
  return reader.at
}

/** The number in the instruction at `at`; one that is negative comes out above 2³¹, or as less than it is. */
export function operandAt(body: Uint8Array, at: number): number {
  return new WasmReader(body, at + 1).u32()
}
