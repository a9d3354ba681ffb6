// Where the rules of a policy are written: ids as they stand in its Rego and data, with file and row. Ids that Rego puts together are not found.
import type { Coverage, PolicySource } from '../../../rego/index.ts'

export interface RuleId {
  readonly id: string
  readonly file: string
  /** From 1. */
  readonly row: number
  /** Undefined where no test could say: the rule is data. */
  readonly isTested: boolean | undefined
}

// Fixed expressions on one line at a time: linear, whatever the line.
const inRego = /"id":\s*"([a-z0-9_]+(?:\.[a-z0-9_]+)*)"/g
const inYaml = /(?:^|[\s{,-])"?id"?:\s*"?([a-z0-9_]+(?:\.[a-z0-9_]+)*)"?(?=[\s,}]|$)/g
const maxLine = 4_096

/** In order of file and row; an id that is written twice is listed where it is first. */
export function findRuleIds(files: PolicySource, coverage: Coverage | undefined): readonly RuleId[] {
  const found = new Map<string, RuleId>()
  const add = (id: string, file: string, row: number): void => {
    if (!found.has(id)) found.set(id, { id, file, row, isTested: file.endsWith('.rego') ? isCovered(coverage, file, row) : undefined })
  }
  for (const [file, bytes] of [...files].toSorted(([a], [b]) => a < b ? -1 : 1)) {
    if (file.endsWith('_test.rego') || file.endsWith('.schema.json')) continue
    const lines = Buffer.from(bytes).toString('utf8').split('\n')
    const policyOf = lines.find((line) => line.startsWith('package policies.'))?.slice('package policies.'.length).trim()
    for (const [at, line] of lines.entries()) {
      if (line.length > maxLine && file.endsWith('.rego')) continue
      for (const [, id = ''] of line.matchAll(file.endsWith('.rego') ? inRego : inYaml)) add(id, file, at + 1)
      if (policyOf !== undefined && /^allow(?: |$)/.test(line)) add(`${policyOf}.allow`, file, at + 1)
    }
  }
  return [...found.values()]
}

/** `net` fires as `net.us_ssn`, once it masks. */
export function isFired(id: string, fired: ReadonlyMap<string, number>): boolean {
  return fired.has(id) || [...fired.keys()].some((one) => one.startsWith(`${id}.`))
}

function isCovered(coverage: Coverage | undefined, file: string, row: number): boolean | undefined {
  const covered = coverage?.files[file]
  if (covered === undefined) return coverage === undefined ? undefined : false
  // The id stands within its rule's head, which may be several rows: a covered span that ends at or after it and begins at most a head before.
  return (covered.covered ?? []).some(({ start, end }) => start.row <= row && end.row >= row)
}
