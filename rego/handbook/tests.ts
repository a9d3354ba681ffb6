// Which tests speak of a rule: those that name its id, themselves or in what they are made of. Read off the source, so it is the same every
// time and costs no run; that a line is reached at all is coverage's to say.
import type { InspectedPackage } from '../compiler.ts'

export interface NamedTest { readonly package: string; readonly name: string; readonly file: string; readonly row: number }

/** A function from a text to the tests that say it. */
export function testsByText(packages: readonly InspectedPackage[]): (text: string) => readonly NamedTest[] {
  const byText = new Map<string, NamedTest[]>()
  for (const one of packages) {
    const rules = Map.groupBy(one.test_rules, ({ name }) => name)
    for (const { name, file, row } of one.test_rules.filter(rule => rule.name.startsWith('test_') && rule.is_default !== true)) {
      for (const text of textsOf(rules, name)) {
        const tests = byText.get(text) ?? []
        tests.push({ package: one.package, name, file, row })
        byText.set(text, tests)
      }
    }
  }
  return text => byText.get(text) ?? []
}

function textsOf(rules: ReadonlyMap<string, InspectedPackage['test_rules']>, name: string): ReadonlySet<string> {
  const texts = new Set<string>()
  const seen = new Set([name])
  for (const at of seen) {
    for (const rule of rules.get(at) ?? []) {
      for (const text of rule.strings ?? []) texts.add(text)
      for (const next of rule.names ?? []) if (rules.has(next)) seen.add(next)
    }
  }
  return texts
}
