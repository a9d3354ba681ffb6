// Masks that stand in data: a rule takes the list as it is, so their ids are found nowhere in Rego.
import { LineCounter, isMap, isScalar, parseDocument, visit } from 'yaml'
import type { PolicySource } from '../source.ts'
import type { HandbookRule } from './handbook-rule.ts'

const dataFile = /(^|\/)data\.(json|ya?ml)$/

/** Every object with `id`, `match` and `op`, in the order of the files. */
export function dataMasks(files: PolicySource): Omit<HandbookRule, 'tests'>[] {
  const masks: Omit<HandbookRule, 'tests'>[] = []
  for (const [file, bytes] of [...files].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (!dataFile.test(file)) continue
    const lines = new LineCounter()
    visit(parseDocument(new TextDecoder().decode(bytes), { lineCounter: lines }), {
      Map(_, node) {
        const [id, op, match] = [node.get('id'), node.get('op'), node.get('match')]
        if (typeof id !== 'string' || typeof op !== 'string' || !isMap(match)) return undefined
        const what = match.items.map(({ key, value }) => `${isScalar(key) ? String(key.value) : ''} ${JSON.stringify(value)}`).join(', ')
        masks.push({ id, verb: 'mask', title: `${op}: ${what}`, description: '', msg: '', severity: '', controls: [], modes: {}, file, row: lines.linePos(node.range?.[0] ?? 0).line })
        return undefined
      },
    })
  }
  return masks
}
