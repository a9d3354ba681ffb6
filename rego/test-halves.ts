// Tests are independent of each other, and a machine has two cores: which of them run beside which, by package.

const packageLine = /^[ \t]*package[ \t]+([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)[ \t]*(?:#.*)?\r?$/m
const testRule = /^[ \t]*(?:todo_)?test_\w*/gm

/**
 * Two RE2 filters on `<package>.<test>` that together take every test, of about as many rules each; undefined where one process does as well,
 * or where a file's package cannot be told for certain: a test that nobody runs would look like one that passes.
 */
export function testHalves(files: Readonly<Record<string, string>>): readonly [string, string] | undefined {
  const weights = new Map<string, number>()
  for (const [name, text] of Object.entries(files)) {
    if (!name.endsWith('.rego')) continue
    const found = packageLine.exec(text)?.[1]
    if (found === undefined) return undefined
    const rules = text.match(testRule)?.length ?? 0
    if (rules > 0) weights.set(found, (weights.get(found) ?? 0) + rules)
  }
  if (weights.size < 2) return undefined
  const halves: [Half, Half] = [{ weight: 0, packages: [] }, { weight: 0, packages: [] }]
  for (const [name, weight] of [...weights].sort(([, a], [, b]) => b - a)) {
    const [a, b] = halves
    const lighter = a.weight <= b.weight ? a : b
    lighter.weight += weight
    lighter.packages.push(name)
  }
  const filter = ({ packages }: Half): string => `^(?:data[.])?(?:${packages.map((name) => name.replaceAll('.', '[.]')).join('|')})[.][^.]*$`
  return [filter(halves[0]), filter(halves[1])]
}

interface Half { weight: number; readonly packages: string[] }
