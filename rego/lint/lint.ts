// The house rules, over what `inspect` tells of a source. Strictness, types and built-ins are `check`'s; layout is `fmt`'s.
import { shippedCapabilities } from '../capabilities.ts'
import { inspectPolicies, policyEntrypoints } from '../compiler.ts'
import { findDependencies } from '../dependencies.ts'
import { PolicyError, type Finding } from '../errors.ts'
import type { PolicySource } from '../source.ts'
import type { Toolchain } from '../toolchain/process.ts'
import { conflicts, noWith } from './conflicts.ts'
import { dataMissing } from './data.ts'
import { libraryDrift } from './library.ts'
import { metadata, testBeside } from './metadata.ts'
import { mayCallPlace, neverAsked, packagePlace, snakeCaseNames, visibleIsDerived } from './names.ts'
import { reasonIds, reasonMembers } from './reasons.ts'
import { rollout } from './rollout.ts'
import { silenceIsDeny } from './silence.ts'
import { library, type LintRule, type LintSubject } from './subject.ts'

const rules: readonly LintRule[] = [snakeCaseNames, packagePlace, neverAsked, visibleIsDerived, mayCallPlace, metadata, testBeside, reasonIds, reasonMembers, conflicts, noWith, silenceIsDeny, dataMissing, rollout, libraryDrift]

/** What the rules find, in order of place. @throws PolicyError ERR_POLICY_CHECK where a file does not parse, ERR_POLICY_SOURCE, ERR_TOOLCHAIN_* */
export async function lintPolicies(files: PolicySource, toolchain?: Toolchain): Promise<readonly Finding[]> {
  const run = { files, ...toolchain === undefined ? {} : { toolchain } }
  const packages = await inspectPolicies(run)
  const subject = { files, packages, ...await readsOf(run, packages.some(({ package: name }) => name === library.request)) }
  return rules.flatMap(rule => rule(subject)).toSorted(byPlace)
}

async function readsOf(run: { readonly files: PolicySource; readonly toolchain?: Toolchain }, hasLibrary: boolean): Promise<Pick<LintSubject, 'dataReads' | 'asked'>> {
  try {
    const found = await findDependencies({ ...run, capabilities: shippedCapabilities(), entrypoints: hasLibrary ? policyEntrypoints : [] })
    const names = found.entrypoints.flatMap(one => [one.name.replaceAll('/', '.'), ...one.rules])
    const parents = names.flatMap(name => name.split('.').map((_, at, parts) => parts.slice(0, at + 1).join('.')))
    return { dataReads: found.rules.flatMap(({ data }) => data), ...hasLibrary ? { asked: new Set(parents) } : {} }
  } catch (error) {
    if (error instanceof PolicyError && error.code === 'ERR_POLICY_CHECK') return { dataReads: [] }
    throw error
  }
}

export function byPlace(a: Finding, b: Finding): number {
  return a.file < b.file ? -1 : a.file > b.file ? 1 : a.row - b.row || a.col - b.col || (a.message < b.message ? -1 : 1)
}
