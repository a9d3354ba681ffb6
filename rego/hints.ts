// What OPA's words leave unsaid to who reads them for the first time: what to look at. Its own words stay in front, as every search finds them.
import type { Finding } from './errors.ts'

const hints: readonly (readonly [says: RegExp, hint: string])[] = [
  [/^var \S+ is unsafe$/, 'nothing gives it a value: a name with a typo, a missing import, or no condition of this rule that binds it'],
  [/^undefined function time\.now_ns$/, 'left out, since a decision must come out the same when it is made again: write time.parse_rfc3339_ns(input.context.time)'],
  [/^undefined function (http\.send|net\.lookup_ip_addr|opa\.runtime|rand\.intn|uuid\.rfc4122|providers\.aws\.sign_req|rego\.parse_module)$/, 'left out on purpose: a decision comes from its input and data alone, and the same again each time'],
  [/^undefined function (?!data\.)\S+\.\S+$/, 'no built-in function here is called so (`policy capabilities` lists them); one of a package needs its import, such as `import data.countersign.access`'],
  [/^undefined function \S+$/, 'no function of this package, and no built-in function here, is called so (`policy capabilities` lists those)'],
  [/^match error$/, 'the two sides can never be equal, since they are of different types: a list is not one of its members (`some x in list`, `x in list`)'],
]

export function explained(finding: Finding): Finding {
  const [, hint] = hints.find(([says]) => says.test(finding.message)) ?? []
  return hint === undefined ? finding : { ...finding, message: `${finding.message}: ${hint}` }
}

/** Row and column of what is no JSON, which the compiler does not tell; the finding itself where that cannot be told. */
export function located(finding: Finding, text: string | undefined): Finding {
  if (finding.row > 0 || !finding.file.endsWith('.json') || text === undefined) return finding
  try {
    JSON.parse(text)
    return finding
  } catch (cause) {
    const [, row, col] = /\(line (\d+) column (\d+)\)$/.exec((cause as Error).message) ?? []
    return row === undefined ? finding : { ...finding, row: Number(row), col: Number(col) }
  }
}
