// What lint looks at: a source as `inspect` tells it, and the few questions that several of its rules ask.
import type { InputRead, InspectedEntry, InspectedPackage, InspectedRule } from '../compiler.ts'
import type { Finding } from '../errors.ts'
import type { PolicySource } from '../source.ts'

export interface LintSubject {
  readonly files: PolicySource
  readonly packages: readonly InspectedPackage[]
  /** Paths below `data` that policy reads and no rule answers; none where it does not compile, which is `check`'s to say. */
  readonly dataReads: readonly InputRead[]
  /** Full names of the rules that a decision or a list can ask, and their parents'; absent where the source has no library. */
  readonly asked?: ReadonlySet<string>
}

/** One of the house's rules: what it finds, as findings whose code is the rule's name. */
export type LintRule = (subject: LintSubject) => Finding[]

/** The verbs whose rules say reasons, and those whose rules say masks. */
export const reasonVerbs: readonly string[] = ['deny', 'require']

export function finding(code: string, at: { readonly file: string; readonly row: number; readonly col: number }, message: string): Finding {
  return { code, message, file: at.file, row: at.row, col: at.col }
}

/** The library that puts decisions together is held to these rules as well, where it can be. */
export const library = { request: 'countersign.request', list: 'countersign.list', access: 'countersign.access' } as const

export interface PlacedEntry { readonly package: InspectedPackage; readonly rule: InspectedRule; readonly entry: InspectedEntry }

/** Every object in policy that reads like a reason (it has a message) or a mask (it has an operation). */
export function entriesOf(packages: readonly InspectedPackage[]): readonly PlacedEntry[] {
  return packages.flatMap(one => one.rules.flatMap(rule => (rule.entries ?? [])
    .filter(({ members }) => 'msg' in members || ('match' in members && 'op' in members))
    .map(entry => ({ package: one, rule, entry }))))
}

/** With which ids of a package begin: its last segment, or what `custom.ids` of its METADATA says. */
export function idPrefix(one: InspectedPackage): string {
  const said = one.annotations.map(({ annotations }) => annotations.custom?.['ids']).find(ids => typeof ids === 'string')
  return typeof said === 'string' ? said : one.package.slice(one.package.lastIndexOf('.') + 1)
}

/** Ids of controls that METADATA names: `custom.controls`, a list, or the label `controls`, separated by commas. */
export function controlsOf(annotations: { readonly custom?: Readonly<Record<string, unknown>>; readonly labels?: Readonly<Record<string, unknown>> } | undefined): readonly string[] {
  const listed = annotations?.custom?.['controls']
  const labelled = annotations?.labels?.['controls']
  return [
    ...Array.isArray(listed) ? listed.filter(item => typeof item === 'string') : [],
    ...typeof labelled === 'string' ? labelled.split(',').map(id => id.trim()).filter(id => id !== '') : [],
  ]
}
