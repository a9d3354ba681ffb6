// A bundle that comes into force: the tests of its source hold, and it was compiled from the same source, by one run of the compiler.
import { compileBundle, testPolicies, type CompileOptions } from './compiler.ts'
import { PolicyError } from './errors.ts'
import { Toolchain } from './toolchain/process.ts'

export interface TestOutcome { readonly package: string; readonly name: string; readonly outcome: string }
export interface TestedBundle { readonly bytes: Uint8Array; readonly tests: readonly TestOutcome[] }

/** Of failed tests, as many are named. */
const maxNamed = 5

/** @throws PolicyError ERR_POLICY_TEST where a test fails, and as compileBundle and testPolicies */
export async function compileTested(options: Omit<CompileOptions, 'toolchain'>): Promise<TestedBundle> {
  using toolchain = new Toolchain()
  const { tests } = await testPolicies({ ...options, toolchain })
  const failed = tests.filter(({ outcome }) => outcome === 'fail' || outcome === 'error')
  if (failed.length > 0) throw new PolicyError('ERR_POLICY_TEST', `${failed.length === 1 ? '1 policy test fails' : `${failed.length} policy tests fail`}: ${failed.slice(0, maxNamed).map(test => `${test.package}.${test.name}`).join(', ')}`)
  return { bytes: await compileBundle({ ...options, toolchain }), tests: tests.map(({ package: name, name: test, outcome }) => ({ package: name, name: test, outcome })) }
}
