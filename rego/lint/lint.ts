// The house rules, over what `inspect` tells of a source. Strictness, types and built-ins are `check`'s; layout is `fmt`'s.
import { shippedCapabilities } from '../capabilities.ts'
import { inspectPolicies, type InputRead } from '../compiler.ts'
import { findDependencies } from '../dependencies.ts'
import { PolicyError, type Finding } from '../errors.ts'
import type { PolicySource } from '../source.ts'
import type { Toolchain } from '../toolchain/process.ts'
import { conflicts, noWith } from './conflicts.ts'
import { dataMissing } from './data.ts'
import { libraryDrift } from './library.ts'
import { metadata, testBeside } from './metadata.ts'
import { mayCallPlace, packagePlace, snakeCaseNames, visibleIsDerived } from './names.ts'
import { reasonIds, reasonMembers } from './reasons.ts'
import { rollout } from './rollout.ts'
import type { LintRule } from './subject.ts'

const rules: readonly LintRule[] = [snakeCaseNames, packagePlace, visibleIsDerived, mayCallPlace, metadata, testBeside, reasonIds, reasonMembers, conflicts, noWith, dataMissing, rollout, libraryDrift]

/** What the rules find, in order of place. @throws PolicyError ERR_POLICY_CHECK where a file does not parse, ERR_POLICY_SOURCE, ERR_TOOLCHAIN_* */
export async function lintPolicies(files: PolicySource, toolchain?: Toolchain): Promise<readonly Finding[]> {
  const run = { files, ...toolchain === undefined ? {} : { toolchain } }
  const [packages, dataReads] = await Promise.all([inspectPolicies(run), dataReadsOf(run)])
  const subject = { files, packages, dataReads }
  return rules.flatMap(rule => rule(subject)).toSorted(byPlace)
}

async function dataReadsOf(run: { readonly files: PolicySource; readonly toolchain?: Toolchain }): Promise<readonly InputRead[]> {
  try {
    const { rules: found } = await findDependencies({ ...run, capabilities: shippedCapabilities(), entrypoints: [] })
    return found.flatMap(({ data }) => data)
  } catch (error) {
    if (error instanceof PolicyError && error.code === 'ERR_POLICY_CHECK') return []
    throw error
  }
}

export function byPlace(a: Finding, b: Finding): number {
  return a.file < b.file ? -1 : a.file > b.file ? 1 : a.row - b.row || a.col - b.col || (a.message < b.message ? -1 : 1)
}
