// data.rollout: every id in it is that of a rule, every mode one that there is. A typo enforces, so nothing is lost; but nothing is rolled out either.
import { isMap, isScalar, LineCounter, parseDocument, type Scalar } from 'yaml'
import { entriesOf, finding, type LintRule } from './subject.ts'

const modes: readonly unknown[] = ['enforce', 'warn', 'dryrun']
const dataFile = /(^|\/)data\.(json|ya?ml)$/

export interface RolloutEntry { readonly id: string; readonly plan: unknown; readonly file: string; readonly row: number; readonly col: number }

export const rollout: LintRule = ({ files, packages }) => {
  const ids = new Set(entriesOf(packages).map(({ entry }) => entry.id))
  return rollouts(files).flatMap(({ id, plan, ...at }) => [
    ...ids.has(id) ? [] : [finding('rollout', at, `no rule has the id ${id}`)],
    ...modesOf(plan).filter(([, mode]) => !modes.includes(mode))
      .map(([where]) => finding('rollout', at, `${id}${where === '' ? '' : ` in ${where}`}: a mode is enforce, warn or dryrun; anything else enforces`)),
  ])
}

/** A mode and where it holds: `''` is everywhere. */
export function modesOf(plan: unknown): [string, unknown][] {
  return typeof plan === 'object' && plan !== null && !Array.isArray(plan) ? Object.entries(plan) : [['', plan]]
}

/** What the data files say at data.rollout, with its place. */
export function rollouts(files: ReadonlyMap<string, Uint8Array>): readonly RolloutEntry[] {
  return [...files].filter(([file]) => dataFile.test(file)).flatMap(([file, bytes]) => {
    // A folder is a member: data/rollout/data.json is data.rollout. Deeper ones would be a part of one entry; nobody writes that.
    const folders = file.split('/').slice(0, -1).filter((folder, at) => at > 0 || folder !== 'data')
    if (folders.length > 1 || (folders.length === 1 && folders[0] !== 'rollout')) return []
    const lines = new LineCounter()
    const document = parseDocument(new TextDecoder().decode(bytes), { lineCounter: lines })
    const at = folders.length === 1 ? document.contents : isMap(document.contents) ? document.contents.get('rollout', true) : undefined
    if (!isMap(at)) return []
    const plans = at.toJS(document) as Readonly<Record<string, unknown>>
    return at.items.filter(({ key }) => isScalar(key)).map(({ key }) => {
      const { value: id, range } = key as Scalar
      const { line: row, col } = lines.linePos(range?.[0] ?? 0)
      return { id: String(id), plan: plans[String(id)], file, row, col }
    })
  })
}
