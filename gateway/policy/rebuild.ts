// A commit's tests and bundle, made here: what signers say of a commit is compared with what this machine gets from it.
import { compileTested, makePolicy, PolicyError, type DecisionReader, type Policy, type PolicyJob, type PolicySource } from '../../rego/index.ts'
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
  const { bytes, tests } = await compileTested({ files, revision, serial, capabilities })
  return { bytes, tests: testReportDigest(tests) }
}

export interface Rebuilt { readonly policy: Policy; readonly build: Build }

interface Commit { readonly revision: string; readonly serial: number; readonly files: PolicySource }

/** Makes a commit's bundle, or takes the one that it gave here before; a thread of its own does the work, and calls go on. */
export async function rebuild(
  { memory, bundles, capabilities, readDecision, isAnswering }: { readonly memory: PolicyMemory; readonly bundles: BundleStore; readonly capabilities: unknown; readonly readDecision: DecisionReader; /** Whether there are calls that would wait. */ readonly isAnswering: () => boolean },
  commit: Commit,
): Promise<Rebuilt> {
  const { revision, serial, files } = commit
  const isCold = !isAnswering()
  const known = memory.buildOf(revision, serial)
  const kept = known === undefined ? undefined : await bundles.read(known.bundle)
  if (kept !== undefined && known !== undefined) {
    try {
      return { policy: (await admit({ bytes: kept, minimumSerial: serial, isCold }, commit, readDecision)).policy, build: known }
    } catch (cause) {
      if (!(cause instanceof PolicyError)) throw cause   // a bundle of an older compiler that this host cannot load: compile again
    }
  }
  const { policy, bytes, tests } = await admit({ files, revision, serial, capabilities, isTested: true, isCold }, commit, readDecision)
  const build = { bundle: await bundles.write(bytes), tests: testReportDigest(tests) }
  memory.setBuild(revision, serial, build)
  return { policy, build }
}

/**
 * The one place where a bundle's bytes become a policy. They come from this machine's compiler or from its own store, by the digest of what it
 * compiled before, never from outside: a signature on them would say nothing more (DESIGN.md, "Activation").
 * An older one is not this commit's, also where the memory says so.
 */
async function admit(job: PolicyJob, { revision, serial }: Commit, readDecision: DecisionReader): ReturnType<typeof makePolicy> {
  const made = await makePolicy(job, { readDecision })
  if (made.policy.revision !== revision || made.policy.serial !== serial) throw new PolicyError('ERR_BUNDLE_MALFORMED', 'the bundle is of another commit')
  return made
}
