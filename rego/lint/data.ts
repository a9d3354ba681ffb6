// What policy reads of data has to be there. `"approval": data.approvals.lead` in the head of a rule makes the whole rule silent where
// there is no such approval, and a call that should have been held is allowed: nothing at run time can tell that from a rule that does not hold.
import { parse } from 'yaml'
import type { InputRead } from '../compiler.ts'
import { finding, type LintRule } from './subject.ts'

const dataFile = /(^|\/)data\.(json|ya?ml)$/

/** Asked by the library, which minds that they may not be: rollouts, and a verb that no package uses. */
const optional: readonly unknown[] = ['rollout', 'policies']

type Members = Record<string, unknown>

export const dataMissing: LintRule = ({ files, dataReads }) => {
  const data = baseData(files)
  const missing = dataReads.filter(({ path }) => path.length > 0 && !optional.includes(path[0]) && !isThere(data, path))
  const first = new Map(missing.toSorted(byPlace).toReversed().map(read => [read.path.join('.'), read]))
  return [...first].map(([path, read]) => finding('data_missing', read, `data.${path} is nowhere in data: the rule that reads it says nothing, as if it did not hold`))
}

function byPlace(a: InputRead, b: InputRead): number {
  return a.file < b.file ? -1 : a.file > b.file ? 1 : a.row - b.row || a.col - b.col
}

function isThere(data: Members, path: readonly string[]): boolean {
  let at: unknown = data
  for (const name of path) {
    if (!isMembers(at)) return true
    if (!Object.hasOwn(at, name)) return false
    at = at[name]
  }
  return true
}

/** As the compiler mounts them: `data/a/b/data.json` is data.a.b. A file that it would refuse is `check`'s to name. */
function baseData(files: ReadonlyMap<string, Uint8Array>): Members {
  const data: Members = {}
  for (const [file, bytes] of files) {
    if (!dataFile.test(file)) continue
    const text = new TextDecoder().decode(bytes)
    let value: unknown
    try {
      value = file.endsWith('.json') ? JSON.parse(text) : parse(text)
    } catch {
      continue
    }
    const folders = file.split('/').slice(0, -1)
    const mounted = (folders[0] === 'data' ? folders.slice(1) : folders).toReversed().reduce<unknown>((inner, name) => ({ [name]: inner }), value)
    if (isMembers(mounted)) merge(data, mounted)
  }
  return data
}

function merge(into: Members, from: Members): void {
  for (const [name, member] of Object.entries(from)) {
    const old = into[name]
    if (isMembers(old) && isMembers(member)) merge(old, member)
    else Object.defineProperty(into, name, { value: member, enumerable: true, writable: true, configurable: true })
  }
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
