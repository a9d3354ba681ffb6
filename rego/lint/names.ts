// Names: how packages and rules are called, and which names belong to the library.
import { finding, library, reasonVerbs, type LintRule } from './subject.ts'

const snakeCase = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/
const verbs: readonly string[] = ['allow', ...reasonVerbs, 'mask', 'limit', 'unmasked']

export const snakeCaseNames: LintRule = ({ packages }) => packages.flatMap(one => {
  const first = one.rules[0] ?? one.test_rules[0]
  const isBad = one.package.split('.').some(segment => !snakeCase.test(segment))
  return [
    ...isBad && first !== undefined ? [finding('snake_case', { file: first.file, row: 1, col: 1 }, `package ${one.package}: name it in lower case with underscores`)] : [],
    // A rule like a["b"] is named by its first part.
    ...[...one.rules, ...one.test_rules].filter(rule => !snakeCase.test(rule.name.split(/[.[]/)[0] ?? ''))
      .map(rule => finding('snake_case', rule, `rule ${rule.name}: name it in lower case with underscores`)),
  ]
})

/** The library asks `data.policies[_].deny`: what lies deeper, or elsewhere, is never asked, and would be silent. */
export const packagePlace: LintRule = ({ packages, asked }) => packages.filter(one => asked === undefined && /^policies\.[^.]+\./.test(one.package)).flatMap(one => one.rules
  .filter(rule => verbs.includes(rule.name))
  .map(rule => finding('package_place', rule, `${rule.name} of package ${one.package} is never asked: call the package policies.<name>, with one name`)))

/** With the library at hand, the compiler knows. A verb with a typo in it, a package that is not below policies: each looks like a rule and is none. */
export const neverAsked: LintRule = ({ packages, asked }) => asked === undefined ? [] : packages.flatMap(one => {
  const silent = one.rules.filter(rule => rule.is_default !== true && !asked.has(`${one.package}.${rule.name.split(/[.[]/)[0] ?? ''}`))
  return [...Map.groupBy(silent, ({ name }) => name).values()].flatMap(([rule]) => rule === undefined ? [] : [
    finding('never_asked', rule, `no decision asks ${rule.name} of package ${one.package}: the library asks ${verbs.join(', ')} of packages policies.<name>, and what those ask in turn`)])
})

/** A list is filtered by the rule that also decides a call. Two answers to one question would part. */
export const visibleIsDerived: LintRule = ({ packages }) => packages.filter(one => one.package !== library.list).flatMap(one => one.rules
  .filter(({ name }) => name === 'visible')
  .map(rule => finding('visible_is_derived', rule, 'what a list shows follows from may_call: write a clause of countersign.access.may_call instead of a rule called visible')))

export const mayCallPlace: LintRule = ({ packages }) => packages.filter(one => one.package !== library.access).flatMap(one => one.rules
  .filter(({ name }) => name === 'may_call')
  .map(rule => finding('may_call_place', rule, 'may_call is asked in package countersign.access alone: move this clause to a file of that package')))
