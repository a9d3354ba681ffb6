import test from 'ava'
import { PolicyError } from '../../rego/errors.ts'
import { fuelExport, meterModule } from '../../rego/fuel.ts'

/** One module with one function of no arguments, exported as `f`. */
function moduleOf(...body: number[]): Uint8Array {
  const section = (id: number, ...content: number[]) => [id, content.length, ...content]
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...section(1, 1, 0x60, 0, 0), ...section(3, 1, 0), ...section(7, 1, 1, 0x66, 0, 0), ...section(10, 1, body.length + 2, 0, ...body, 0x0b)])
}

function run(wasm: Uint8Array, fuel: number): number {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(meterModule(wasm)))
  const tank = exports[fuelExport] as WebAssembly.Global
  tank.value = fuel
  try {
    (exports['f'] as () => void)()
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error
  }
  return tank.value
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

test('a module with what the meter does not know is refused, not passed through', t => {
  const cases = [
    [moduleOf(0xfd, 0), 'it has an instruction that is not known'],
    [moduleOf(0x12, 0), 'it has an instruction that is not known'],
    [moduleOf(0xfc, 0x12), 'it has an instruction that is not known'],
    [Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 9), 'it is cut short'],
    [Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 13, 0), 'it has a section that is not known, or twice'],
    [new TextEncoder().encode('not wasm'), 'it is not a WebAssembly 1 module'],
  ] as const
  for (const [wasm, why] of cases) {
    const error = t.throws(() => meterModule(wasm), { instanceOf: PolicyError })
    t.deepEqual([error.code, error.message], ['ERR_BUNDLE_MALFORMED', `the policy module cannot be metered: ${why}`])
  }
})
