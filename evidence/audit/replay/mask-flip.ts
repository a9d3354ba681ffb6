// Masks of two decisions compared by what they cover, not by how they are written: each column, path and class under its strongest rule.
// What a class rule finds besides the columns is not known here, so "removed" says that the rule which named the column is gone, and a rule for
// a column that says more than a class rule did counts as weaker: in the gateway, whoever names a field is believed above the net.
import type { MaskOp, MaskRule } from '../../../rego/index.ts'
import type { Flip, FlipKind } from './flip-kind.ts'

interface Cover { readonly id: string; readonly op: MaskOp; readonly keepLast: number }

/** As the gateway orders them where two rules name one field: the one that says less wins. */
const strength: Readonly<Record<MaskOp, number>> = { partial: 1, tokenize: 2, hash: 3, redact: 4, null: 5, drop: 6 }

/** One flip for each pair of rules and each change between them, with every column it is about. */
export function compareMasks(base: readonly MaskRule[], head: readonly MaskRule[]): Flip[] {
  const [before, after] = [coverOf(base), coverOf(head)]
  const flips = new Map<string, Flip & { readonly subjects: string[] }>()
  const net = strongestOf([...before].filter(([target]) => target.startsWith('class ')).map(([, cover]) => cover))
  for (const target of new Set([...before.keys(), ...after.keys()])) {
    const [was, is] = [before.get(target), after.get(target)]
    const isBelowNet = was === undefined && is !== undefined && net !== undefined && !target.startsWith('class ') && isStronger(net, is)
    const kind = isBelowNet ? 'mask_weakened' : kindOf(was, is)
    if (kind === undefined) continue
    const [told, now] = [isBelowNet ? `class ${tell(net)}` : tell(was), tell(is)]
    // Where a mask goes, the rule that masked is named; where one comes, the rule that will.
    const rules = kind === 'mask_renamed' ? [was?.id ?? '', is?.id ?? ''] : [(kind === 'mask_removed' || (kind === 'mask_weakened' && !isBelowNet) ? was : is)?.id ?? '']
    const key = [kind, ...rules, told, now].join('\n')
    const flip = flips.get(key)
    if (flip === undefined) flips.set(key, { kind, rules, subjects: [target], before: told, after: now })
    else flip.subjects.push(target)
  }
  return [...flips.values()]
}

function kindOf(was: Cover | undefined, is: Cover | undefined): FlipKind | undefined {
  if (was === undefined) return 'mask_added'
  if (is === undefined) return 'mask_removed'
  if (isStronger(was, is)) return 'mask_weakened'
  if (isStronger(is, was)) return 'mask_strengthened'
  return is.id === was.id ? undefined : 'mask_renamed'
}

function isStronger(one: Cover, other: Cover): boolean {
  return (strength[one.op] - strength[other.op] || other.keepLast - one.keepLast) > 0
}

function strongestOf(covers: readonly Cover[]): Cover | undefined {
  return covers.reduce<Cover | undefined>((strongest, cover) => strongest === undefined || isStronger(cover, strongest) ? cover : strongest, undefined)
}

function tell(cover: Cover | undefined): string {
  if (cover === undefined) return 'none'
  return cover.op === 'partial' ? `partial, last ${cover.keepLast}` : cover.op
}

function coverOf(rules: readonly MaskRule[]): Map<string, Cover> {
  const covers = new Map<string, Cover>()
  for (const { id, op, keep_last: keepLast = 0, match } of rules) {
    const keep = (target: string, cover: Cover) => {
      const known = covers.get(target)
      if (known === undefined || isStronger(cover, known)) covers.set(target, cover)
    }
    for (const column of match.columns ?? []) keep(`column ${column.toLowerCase()}`, { id, op, keepLast })
    if (match.json_path !== undefined) keep(`path ${match.json_path}`, { id, op, keepLast })
    if (match.class !== undefined) keep(`class ${match.class}`, { id, op, keepLast })
    for (const name of match.classes ?? []) keep(`class ${name}`, { id: `${id}.${name.toLowerCase()}`, op, keepLast })
  }
  return covers
}
