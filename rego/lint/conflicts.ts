// What ends an evaluation, or makes it another one: definitions of one rule that can contradict each other, and `with` in policy.
import type { InspectedRule } from '../compiler.ts'
import { finding, type LintRule } from './subject.ts'

/** Wasm aborts where two definitions of a complete rule have different values, and the call is denied. */
export const conflicts: LintRule = ({ packages }) => packages.flatMap(one => {
  const definitions = Map.groupBy(one.rules.filter(rule => (rule.kind === 'complete' || rule.kind === 'function') && rule.is_default !== true), ({ name }) => name)
  return [...definitions].flatMap(([name, bodies]) => bodies.flatMap((body, at) => {
    const other = bodies.slice(0, at).find(earlier => canContradict(earlier, body))
    return other === undefined ? [] : [finding('conflict', body, `${name} can have another value at ${other.file}:${other.row}, and two values end the evaluation: join them by else`)]
  }))
})

function canContradict(one: InspectedRule, other: InspectedRule): boolean {
  if (one.value !== undefined && one.value === other.value) return false
  const args = (one.args ?? []).map((arg, at) => [arg, other.args?.[at] ?? ''] as const)
  // Two different constants in one place are never both what was passed.
  return !args.some(([a, b]) => isConstant(a) && isConstant(b) && a !== b)
}

function isConstant(arg: string): boolean {
  return /^("|-?\d|true$|false$|null$)/.test(arg)
}

/** A test may ask under other data or input; a policy that does is decided on something else than what is recorded. */
export const noWith: LintRule = ({ packages }) => packages.flatMap(one => one.rules.flatMap(rule => (rule.withs ?? [])
  .map(({ row, col }) => finding('no_with', { file: rule.file, row, col }, 'with belongs in tests: pass what differs to a function'))))
