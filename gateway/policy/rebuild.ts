// A commit's tests and bundle, made here: what signers say of a commit is compared with what this machine gets from it.
import { compileBundle, loadPolicy, PolicyError, readBundle, testPolicies, Toolchain, type DecisionReader, type Policy, type PolicySource } from '../../rego/index.ts'
import type { BundleStore } from './bundle-store.ts'
import type { Build, PolicyMemory } from './memory.ts'
import { testReportDigest } from './statement.ts'

export interface Made { readonly bytes: Uint8Array; readonly tests: string }

/**
 * Runs the tests, then compiles, in one child process.
 * @param capabilities OPA capabilities: what the host implements
 * @returns the bundle, and the digest of the test report in hex
 * @throws PolicyError ERR_POLICY_TEST where a test fails, ERR_POLICY_CHECK, ERR_POLICY_SOURCE, ERR_TOOLCHAIN_*
 */
export async function makeBundle(files: PolicySource, revision: string, serial: number, capabilities: unknown): Promise<Made> {
  using toolchain = new Toolchain()
  const { tests } = await testPolicies({ files, capabilities, toolchain })
  const failed = tests.filter(({ outcome }) => outcome === 'fail' || outcome === 'error')
  if (failed.length > 0) throw new PolicyError('ERR_POLICY_TEST', `${failed.length} policy tests fail: ${failed.slice(0, 5).map((test) => `${test.package}.${test.name}`).join(', ')}`)
  return { bytes: await compileBundle({ files, revision, serial, capabilities, toolchain }), tests: testReportDigest(tests) }
}

export interface Rebuilt { readonly policy: Policy; readonly build: Build }

/** Makes a commit's bundle, or takes the one that it gave here before. */
export async function rebuild(
  { memory, bundles, capabilities, readDecision }: { readonly memory: PolicyMemory; readonly bundles: BundleStore; readonly capabilities: unknown; readonly readDecision: DecisionReader },
  commit: { readonly revision: string; readonly serial: number; readonly files: PolicySource },
): Promise<Rebuilt> {
  const { revision, serial, files } = commit
  const known = memory.buildOf(revision, serial)
  const kept = known === undefined ? undefined : await bundles.read(known.bundle)
  if (kept !== undefined && known !== undefined) {
    try {
      return { policy: admit(kept, commit, readDecision), build: known }
    } catch (cause) {
      if (!(cause instanceof PolicyError)) throw cause   // a bundle of an older compiler that this host cannot load: compile again
    }
  }
  const { bytes, tests } = await makeBundle(files, revision, serial, capabilities)
  const policy = admit(bytes, commit, readDecision)
  const build = { bundle: await bundles.write(bytes), tests }
  memory.setBuild(revision, serial, build)
  return { policy, build }
}

/**
 * The one place where a bundle's bytes become a policy: whatever must hold of them (a signature, where the bootstrap names a key) is asked here.
 * An older one is not this commit's, also where the memory says so.
 */
function admit(bytes: Uint8Array, { revision, serial }: { readonly revision: string; readonly serial: number }, readDecision: DecisionReader): Policy {
  const bundle = readBundle(bytes, { minimumSerial: serial })
  if (bundle.revision !== revision || bundle.serial !== serial) throw new PolicyError('ERR_BUNDLE_MALFORMED', 'the bundle is of another commit')
  return loadPolicy(bundle, { readDecision })
}
