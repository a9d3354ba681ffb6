// METADATA on what decides, and tests beside it.
import path from 'node:path'
import { controlsOf, finding, reasonVerbs, type LintRule } from './subject.ts'

const documented: readonly string[] = [...reasonVerbs, 'mask']

/** The handbook and the matrix of controls are made from these. */
export const metadata: LintRule = ({ packages }) => packages.flatMap(one => {
  const ofPackage = one.annotations.map(({ annotations }) => annotations)
  const isTitled = ofPackage.some(({ title }) => title !== undefined)
  const isControlled = ofPackage.some(annotations => controlsOf(annotations).length > 0)
  // `default mask := null` is the same rule as the one above it.
  return one.rules.filter(({ name, kind, is_default: isDefault }) => documented.includes(name) && kind !== 'function' && isDefault !== true).flatMap(rule => {
    const missing = [
      ...isTitled || rule.annotations?.title !== undefined ? [] : ['a title'],
      ...isControlled || controlsOf(rule.annotations).length > 0 ? [] : ['custom.controls, the ids of the controls it serves'],
    ]
    return missing.length === 0 ? [] : [finding('metadata', rule, `${rule.name} of package ${one.package}: give it, or its package, METADATA with ${missing.join(' and ')}`)]
  })
})

export const testBeside: LintRule = ({ files, packages }) => {
  const tested = new Set([...files.keys()].filter(file => file.endsWith('_test.rego')).map(file => path.posix.dirname(file)))
  return packages.filter(({ rules }) => rules.length > 0).flatMap(one => {
    const folders = Map.groupBy(one.files.filter(file => !file.endsWith('_test.rego')), file => path.posix.dirname(file))
    return [...folders].filter(([folder]) => !tested.has(folder)).map(([folder, [file = '']]) =>
      finding('test_beside', { file, row: 1, col: 1 }, `package ${one.package} has no test beside it: put a ${path.posix.join(folder, `${path.posix.basename(folder)}_test.rego`)} there`))
  })
}
