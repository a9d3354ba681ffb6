// A decision's masks, compiled against what the catalogue declares about the result. Order of trust: fields that the rule or the
// catalogue names, then detectors by class. A rule that cannot be understood refuses the call before it is made.
import type { CatalogueEntry, TargetConfig } from '../config.ts'
import type { MaskOp, MaskRule } from '../../rego/index.ts'
import { refusal, RefusalError } from '../refusal.ts'
import { addField, fieldNode, parsePointer } from '../sensitive/catalogue.ts'
import type { FieldNode } from '../sensitive/catalogue.ts'
import { detectedClasses } from '../sensitive/finding.ts'
import { Names } from '../sensitive/names.ts'
import type { Tokens } from '../sensitive/tokens.ts'

export interface Rule {
  readonly id: string
  readonly op: MaskOp
  readonly keepLast: number
  /** Domain of its tokens: the class it matches, else its own id, so that equal values of one class get equal tokens. */
  readonly domain: string
  /** What stands for a redacted value: made once, and flat, so that JSON with it in it is written fast. */
  readonly redacted: string
}

export interface MaskPlan {
  /** True: bytes may pass as they are. */
  readonly isEmpty: boolean
  /** Pointers below a root; a node's class is an index into `rules`. */
  readonly root: FieldNode
  readonly hasPointers: boolean
  /** Lower-case member or column name → rule. */
  readonly names: ReadonlyMap<string, Rule>
  /** Class → rule, for what detectors find. */
  readonly classes: ReadonlyMap<string, Rule>
  /** The classes above that a detector can find. */
  readonly detected: ReadonlySet<string>
  readonly rules: readonly Rule[]
  readonly tokens: Tokens
  /** Names seen before; the target's, shared by its plans. */
  readonly members: Names
  readonly limits: { readonly maxBytes: number; readonly maxDepth: number }
}

/** Which op wins where two rules name one field: the one that says less. */
const severity: Readonly<Record<MaskOp, number>> = { partial: 1, tokenize: 2, hash: 3, redact: 4, null: 5, drop: 6 }
const RULE_ID = /^[\w.:/-]{1,64}$/
const MAX_KEEP_LAST = 64
const MAX_RULES = 256

export interface Masking {
  /** @throws RefusalError `mask.unenforceable` when a rule is malformed or its op unknown */
  planFor(decision: { readonly mask: readonly MaskRule[] }, entry: CatalogueEntry | undefined): MaskPlan
}

/** One per target; plans are kept as long as the decision they belong to. */
export function createMasking(target: Pick<TargetConfig, 'limits'>, tokens: Tokens): Masking {
  const limits = { maxBytes: target.limits.maxResultBytes, maxDepth: target.limits.maxDepth }
  const members = new Names()
  const nothing = compilePlan([], {}, tokens, members, limits)
  const plans = new WeakMap<object, WeakMap<object, MaskPlan>>()
  const undeclared = {}
  return {
    planFor(decision, entry) {
      if (decision.mask.length === 0) return nothing
      const declared = entry ?? undeclared
      let byEntry = plans.get(decision)
      if (byEntry === undefined) plans.set(decision, byEntry = new WeakMap())
      let plan = byEntry.get(declared)
      if (plan === undefined) byEntry.set(declared, plan = compilePlan(decision.mask, entry?.result ?? {}, tokens, members, limits))
      return plan
    },
  }
}

function compilePlan(masks: readonly MaskRule[], declared: Readonly<Record<string, string>>, tokens: Tokens, members: Names, limits: MaskPlan['limits']): MaskPlan {
  const root = fieldNode()
  const names = new Map<string, Rule>()
  const classes = new Map<string, Rule>()
  const rules: Rule[] = []
  const pointers = new Map<string, Rule>()
  if (masks.length > MAX_RULES) throw unenforceable('too many masks')
  for (const mask of masks.flatMap(oneForEachClass)) {
    const rule = compileRule(mask)
    rules.push(rule)
    const { columns, json_path: pointer, class: className } = mask.match
    for (const column of columns ?? []) keepStrongest(names, column.toLowerCase(), rule)
    if (pointer !== undefined) keepStrongest(pointers, pointer, rule)
    if (className !== undefined) keepStrongest(classes, className, rule)
  }
  for (const [field, className] of Object.entries(declared)) {
    const rule = classes.get(className)
    if (rule === undefined) continue
    // A rule that names the field was written for it: the class net does not take away what that rule lets stand.
    const [named, key] = field.startsWith('/') ? [pointers, field] : [names, field.toLowerCase()]
    if (!named.has(key)) named.set(key, rule)
  }
  for (const [pointer, rule] of pointers) {
    const segments = parsePointer(pointer)
    if (segments === undefined) throw unenforceable(`mask ${rule.id} has a malformed json_path`)
    addField(root, segments, String(rules.indexOf(rule)))
  }
  const detected = new Set(detectedClasses.filter((name) => classes.has(name)))
  return { isEmpty: rules.length === 0, root, hasPointers: pointers.size > 0, names, classes, detected, rules, tokens, members, limits }
}

/** `classes` is short for a rule per class: a net over many of them is said once in every decision that has it. */
function oneForEachClass(mask: MaskRule): readonly MaskRule[] {
  const classes: unknown = mask.match?.classes
  if (classes === undefined) return [mask]
  const isUsable = Array.isArray(classes) && classes.length > 0 && classes.every((name) => typeof name === 'string' && name !== '')
  if (!isUsable || Object.keys(mask.match).length > 1) throw unenforceable(`mask ${String(mask.id)} has a malformed match`)
  return classes.map((name: string) => ({ ...mask, id: `${mask.id}.${name.toLowerCase()}`, match: { class: name } }))
}

function compileRule(mask: MaskRule): Rule {
  const id = typeof mask.id === 'string' && RULE_ID.test(mask.id) ? mask.id : undefined
  if (id === undefined) throw unenforceable('a mask has no usable id')
  if (!Object.hasOwn(severity, mask.op)) throw unenforceable(`mask ${id} has an unknown op`)
  const { match } = mask
  if (typeof match !== 'object' || match === null) throw unenforceable(`mask ${id} matches nothing`)
  const { columns, json_path: pointer, class: className, ...unknown } = match
  const isUsable = Object.keys(unknown).length === 0
    && (columns === undefined || (Array.isArray(columns) && columns.length > 0 && columns.every((column) => typeof column === 'string' && column !== '')))
    && (pointer === undefined || (typeof pointer === 'string' && pointer.startsWith('/') && parsePointer(pointer) !== undefined))
    && (className === undefined || (typeof className === 'string' && className !== ''))
    && (columns !== undefined || pointer !== undefined || className !== undefined)
  if (!isUsable) throw unenforceable(`mask ${id} has a malformed match`)
  const keepLast = mask.keep_last ?? 0
  if (!Number.isInteger(keepLast) || keepLast < 0 || keepLast > MAX_KEEP_LAST) throw unenforceable(`mask ${id} keeps a malformed number of characters`)
  return { id, op: mask.op, keepLast, domain: className ?? id, redacted: ['[REDACTED:', id, ']'].join('') }
}

function keepStrongest(rules: Map<string, Rule>, key: string, rule: Rule): void {
  rules.set(key, strongest(rules.get(key), rule))
}

export function strongest(a: Rule | undefined, b: Rule): Rule {
  return a === undefined || severity[b.op] > severity[a.op] || (a.op === b.op && b.keepLast < a.keepLast) ? b : a
}

function unenforceable(message: string): RefusalError {
  return new RefusalError(refusal('mask.unenforceable', message))
}
