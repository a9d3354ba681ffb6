// The house rules, over what `inspect` tells of a source. Strictness, types and built-ins are `check`'s; layout is `fmt`'s.
import { inspectPolicies } from '../compiler.ts'
import type { Finding } from '../errors.ts'
import type { PolicySource } from '../source.ts'
import type { Toolchain } from '../toolchain/process.ts'
import { conflicts, noWith } from './conflicts.ts'
import { libraryDrift } from './library.ts'
import { metadata, testBeside } from './metadata.ts'
import { mayCallPlace, packagePlace, snakeCaseNames, visibleIsDerived } from './names.ts'
import { reasonIds, reasonMembers } from './reasons.ts'
import { rollout } from './rollout.ts'
import type { LintRule } from './subject.ts'

const rules: readonly LintRule[] = [snakeCaseNames, packagePlace, visibleIsDerived, mayCallPlace, metadata, testBeside, reasonIds, reasonMembers, conflicts, noWith, rollout, libraryDrift]

/** What the rules find, in order of place. @throws PolicyError ERR_POLICY_CHECK where a file does not parse, ERR_POLICY_SOURCE, ERR_TOOLCHAIN_* */
export async function lintPolicies(files: PolicySource, toolchain?: Toolchain): Promise<readonly Finding[]> {
  const subject = { files, packages: await inspectPolicies({ files, ...toolchain === undefined ? {} : { toolchain } }) }
  return rules.flatMap(rule => rule(subject)).toSorted(byPlace)
}

export function byPlace(a: Finding, b: Finding): number {
  return a.file < b.file ? -1 : a.file > b.file ? 1 : a.row - b.row || a.col - b.col || (a.message < b.message ? -1 : 1)
}
