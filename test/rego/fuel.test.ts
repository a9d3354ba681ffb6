import test from 'ava'
import { PolicyError } from '../../rego/errors.ts'
import { fuelExport, meterModule, startExport } from '../../rego/fuel.ts'

/** One module with one function of no arguments, exported as `f`. */
function moduleOf(...body: number[]): Uint8Array {
  const section = (id: number, ...content: number[]) => [id, content.length, ...content]
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...section(1, 1, 0x60, 0, 0), ...section(3, 1, 0), ...section(7, 1, 1, 0x66, 0, 0), ...section(10, 1, body.length + 2, 0, ...body, 0x0b)])
}

function run(wasm: Uint8Array, fuel: number): number {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(meterModule(wasm, fuel)))
  const tank = exports[fuelExport] as WebAssembly.Global
  try {
    (exports['f'] as () => void)()
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error
  }
  return tank.value
}

/** A module of these sections, each shorter than 128 bytes. */
function sectionsOf(...parts: readonly (readonly [number, readonly number[]])[]): Uint8Array {
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...parts.flatMap(([id, content]) => [id, content.length, ...content])])
}

test('an endless loop stops when the tank is empty', t => {
  t.is(run(moduleOf(0x03, 0x40, 0x0c, 0, 0x0b), 100_000), 0)
})

test('endless recursion stops when the tank is empty', t => {
  t.is(run(moduleOf(0x10, 0), 1_000), 0)
})

test('a function that neither loops nor calls burns nothing', t => {
  t.is(run(moduleOf(0x01), 1_000), 1_000)
})

const nops = (bytes: number): number[] => Array.from({ length: bytes }, () => 0x01)

/** Function 0 is `f`, function 1 is what it calls; neither has arguments. */
function pairOf(caller: readonly number[], callee: readonly number[]): Uint8Array {
  const leb = (value: number): number[] => value < 0x80 ? [value] : [(value % 128) | 0x80, ...leb(Math.floor(value / 128))]
  const section = (id: number, ...content: readonly number[]) => [id, ...leb(content.length), ...content]
  const body = (code: readonly number[]) => [...leb(code.length + 2), 0, ...code, 0x0b]
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...section(1, 1, 0x60, 0, 0), ...section(3, 2, 0, 0), ...section(7, 1, 1, 0x66, 0, 0), ...section(10, 2, ...body(caller), ...body(callee))])
}

test('long straight lines are paid for by their length, the functions that they call with them', t => {
  // Short and calling nobody back: both are part of whoever calls them, here of the host.
  t.is(run(pairOf([0x10, 1], nops(10)), 1_000), 1_000)
  t.is(run(pairOf([0x03, 0x40, 0x10, 1, 0x0c, 0, 0x0b], nops(10)), 1_000), 0)
  t.is(run(pairOf([...nops(40_960), 0x10, 1], nops(10)), 1_000), 989)
  // A thousand calls of what itself takes nothing: the meter knows whom it calls.
  t.is(run(pairOf(Array.from({ length: 1_000 }, () => [0x10, 1]).flat(), nops(4_096)), 10_000), 10_000 - 1_001)
  t.is(run(pairOf(Array.from({ length: 1_000 }, () => [0x10, 1]).flat(), nops(4_096)), 1_000), 0)
  t.is(run(pairOf([0x03, 0x40, ...nops(8_192), 0x0c, 0, 0x0b], []), 30), 0)
})

test('whoever calls back, by whatever way, pays', t => {
  t.is(run(pairOf([0x10, 1], [0x10, 0]), 1_000), 0)
  t.is(run(pairOf([0x10, 1], [0x10, 1]), 1_000), 0)
  t.is(run(pairOf([0x10, 1, 0x10, 1], [0x10, 0, 0x10, 0]), 1_000), 0)
  // Through a table, with function 0 in it: i32.const 0, call_indirect.
  const indirect = (...body: number[]) => sectionsOf([1, [1, 0x60, 0, 0]], [3, [1, 0]], [4, [1, 0x70, 0, 1]], [7, [1, 1, 0x66, 0, 0]], [9, [1, 0, 0x41, 0, 0x0b, 1, 0]], [10, [1, body.length + 2, 0, ...body, 0x0b]])
  t.is(run(indirect(0x41, 0, 0x11, 0, 0), 100_000), 0)
})

test('what takes long for one instruction is paid for as such: a growth of the memory, a line for the host', t => {
  const type = [1, [2, 0x60, 0, 0, 0x60, 1, 0x7f, 0]] as const
  const rest = (body: number[]) => [[3, [1, 0]], [7, [1, 1, 0x66, 0, body[0] === 0x41 && body[2] === 0x40 ? 0 : 1]], [10, [1, body.length + 2, 0, ...body, 0x0b]]] as const
  const left = (imported: readonly number[], body: number[]) => {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(meterModule(sectionsOf(type, [2, imported], ...rest(body)), 100_000)), { env: { memory: new WebAssembly.Memory({ initial: 1 }), opa_println: () => {}, opa_abort: () => {} } });
    (exports['f'] as () => void)()
    return (exports[fuelExport] as WebAssembly.Global).value as number
  }
  const name = (text: string) => [text.length, ...new TextEncoder().encode(text)]
  const grow = [0x41, 0, 0x40, 0, 0x1a]
  t.is(left([1, ...name('env'), ...name('memory'), 2, 0, 1], [...grow, ...grow]), 100_000 - 256)
  const say = [0x41, 0, 0x10, 0]
  t.is(left([1, ...name('env'), ...name('opa_println'), 0, 1], [...say, ...say]), 100_000 - 65)
  // Nothing comes after an abort.
  t.is(left([1, ...name('env'), ...name('opa_abort'), 0, 1], say), 100_000)
})

test('a module with what the meter does not know is refused, not passed through', t => {
  const cases = [
    [moduleOf(0xfd, 0), 'it has an instruction that is not known'],
    [moduleOf(0x12, 0), 'it has an instruction that is not known'],
    [moduleOf(0xfc, 0x12), 'it has an instruction that is not known'],
    // memory.fill and table.grow: as long as they like for one instruction.
    [moduleOf(0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 0x0b, 0), 'it has an instruction that is not known'],
    [moduleOf(0xd0, 0x70, 0x41, 0, 0xfc, 0x0f, 0, 0x1a), 'it has an instruction that is not known'],
    [sectionsOf([1, [1, 0x5e, 0x7f, 1]]), 'it has a type that is not a function'],
    [sectionsOf([1, [1, 0x60, 1, 0x6f, 0]]), 'it has a value that is not a number'],
    [sectionsOf([5, [1, 0, 1]]), 'it has a memory of its own'],
    [sectionsOf([4, [1, 0x6f, 0, 1]]), 'it has a table of something else than functions'],
    [sectionsOf([4, [1, 0x70, 0, 0x81, 0x80, 0x04]]), 'it has a table of more than 65536 functions'],
    [sectionsOf([2, [1, 3, 0x65, 0x6e, 0x76, 1, 0x67, 3, 0x7f, 0]]), "it imports something else than OPA's host functions and the memory"],
    [sectionsOf([2, [1, 4, 0x77, 0x61, 0x73, 0x69, 1, 0x66, 0, 0]]), "it imports something else than OPA's host functions and the memory"],
    [Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 9), 'it is cut short'],
    [Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 13, 0), 'it has a section that is not known, or twice'],
    [new TextEncoder().encode('not wasm'), 'it is not a WebAssembly 1 module'],
  ] as const
  for (const [wasm, why] of cases) {
    const error = t.throws(() => meterModule(wasm, 1), { instanceOf: PolicyError })
    t.deepEqual([error.code, error.message], ['ERR_BUNDLE_MALFORMED', `the policy module cannot be metered: ${why}`])
  }
})

test('a metered module starts nothing by itself', t => {
  // Its start function is a loop without end.
  const wasm = sectionsOf([1, [1, 0x60, 0, 0]], [3, [1, 0]], [8, [0]], [10, [1, 7, 0, 0x03, 0x40, 0x0c, 0, 0x0b, 0x0b]])
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(meterModule(wasm, 1_000)))
  t.is((exports[fuelExport] as WebAssembly.Global).value, 1_000)
  t.throws(() => (exports[startExport] as () => void)(), { instanceOf: WebAssembly.RuntimeError })
  t.is((exports[fuelExport] as WebAssembly.Global).value, 0)
})
