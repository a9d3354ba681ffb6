// The handbook of a policy, as data: every rule that can say something about a call, with what its METADATA tells, the controls it serves,
// how far it is rolled out, and the tests that name it. The same source gives the same handbook.
import type { Annotations, InspectedPackage, InspectedRule } from '../compiler.ts'
import { controlsOf, entriesOf, reasonVerbs } from '../lint/subject.ts'
import { modesOf, rollouts } from '../lint/rollout.ts'
import { sourceDigest, type PolicySource } from '../source.ts'
import { dataMasks } from './data-masks.ts'
import type { HandbookRule, HandbookVerb } from './handbook-rule.ts'
import { libraryRules } from './library-rules.ts'
import { testsByText } from './tests.ts'

export interface HandbookPackage { readonly package: string; readonly title: string; readonly description: string; readonly controls: readonly string[]; readonly rules: readonly HandbookRule[] }

export interface HandbookControl { readonly control: string; readonly rules: readonly string[]; readonly tests: number }

/** How often rules were given as a reason or did their part in a recorded decision, by id. */
export interface RuleCounts { readonly decisions: number; readonly unopened: number; readonly rules: Readonly<Record<string, { readonly enforced: number; readonly reported: number }>> }

export interface Handbook {
  /** SHA-256 of the source, as in a bundle's manifest. */
  readonly source: string
  readonly packages: readonly HandbookPackage[]
  readonly controls: readonly HandbookControl[]
  /** Only where a record was given. */
  readonly counts?: RuleCounts
}

const nameless: readonly string[] = ['mask', 'unmasked', 'limit']

export function makeHandbook(files: PolicySource, inspected: readonly InspectedPackage[], counts?: RuleCounts): Handbook {
  const named = testsByText(inspected)
  const staged = new Map(rollouts(files).map(({ id, plan }) => [id, Object.fromEntries(modesOf(plan).map(([where, mode]) => [where === '' ? '*' : where, String(mode)]))]))
  const complete = (rule: Omit<HandbookRule, 'tests'>): HandbookRule => ({ ...rule, modes: { ...rule.modes, ...staged.get(rule.id) }, tests: rule.id === '' ? [] : named(rule.id) })
  const packages = [
    ...inspected.filter(({ rules }) => rules.length > 0).map((one): HandbookPackage => ({ ...headOf(one), rules: [...allowsOf(one), ...writtenOf(one), ...statedOf(one)].map(complete) })),
    { package: 'data', title: 'Masks that data lists', description: 'Rules take these lists as they are.', controls: [], rules: dataMasks(files).map(complete) },
    { package: 'countersign.request', title: "The library's own reasons", description: '', controls: [], rules: libraryRules.map(complete) },
  ].filter(({ rules }) => rules.length > 0).toSorted((a, b) => (a.package < b.package ? -1 : 1))
  return { source: sourceDigest(files), packages, controls: controlMatrix(packages), ...counts === undefined ? {} : { counts } }
}

function headOf(one: InspectedPackage): Omit<HandbookPackage, 'rules'> {
  const all = one.annotations.map(({ annotations }) => annotations)
  return { package: one.package, title: first(all, 'title'), description: first(all, 'description'), controls: [...new Set(all.flatMap(controlsOf))].toSorted() }
}

/** A package that allows a call is named as the reason, `<package>.allow`, whichever of its bodies held. */
function allowsOf(one: InspectedPackage): Omit<HandbookRule, 'tests'>[] {
  const name = /^policies\.([^.]+)$/.exec(one.package)?.[1]
  const bodies = one.rules.filter(rule => rule.name === 'allow' && rule.is_default !== true)
  const [body] = bodies
  if (name === undefined || body === undefined) return []
  const all = bodies.map(({ annotations }) => annotations).filter(annotations => annotations !== undefined)
  return [{ id: `${name}.allow`, verb: 'allow', title: first(all, 'title'), description: first(all, 'description'), msg: '', severity: '', controls: controlsFor(one, body, []), modes: {}, file: body.file, row: body.row }]
}

function writtenOf(one: InspectedPackage): Omit<HandbookRule, 'tests'>[] {
  return entriesOf([one]).filter(({ entry }) => entry.id !== '').map(({ rule, entry }) => {
    const { msg, severity, controls, mode } = entry.members
    const isMask = 'op' in entry.members
    const modes: HandbookRule['modes'] = isMask ? {} : { '*': text(mode) || 'enforce' }
    return {
      id: entry.id, verb: isMask ? 'mask' : reasonVerbs.includes(rule.name) ? rule.name as HandbookVerb : 'deny',
      title: rule.annotations?.title ?? '', description: rule.annotations?.description ?? '', msg: text(msg), severity: text(severity),
      controls: controlsFor(one, rule, Array.isArray(controls) ? controls.filter(item => typeof item === 'string') : []),
      modes, file: rule.file, row: entry.row,
    }
  })
}

/** What has a title and no id. */
function statedOf(one: InspectedPackage): Omit<HandbookRule, 'tests'>[] {
  return one.rules.filter(({ name, annotations, entries = [] }) => nameless.includes(name) && annotations?.title !== undefined && entries.length === 0).map(rule => ({
    id: '', verb: rule.name as HandbookVerb, title: rule.annotations?.title ?? '', description: rule.annotations?.description ?? '', msg: '', severity: '',
    controls: controlsFor(one, rule, []), modes: {}, file: rule.file, row: rule.row,
  }))
}

/** The rule's own, or the package's where it names none. */
function controlsFor(one: InspectedPackage, rule: InspectedRule, said: readonly string[]): string[] {
  const own = [...said, ...controlsOf(rule.annotations)]
  return [...new Set(own.length > 0 ? own : one.annotations.flatMap(({ annotations }) => controlsOf(annotations)))].toSorted()
}

function controlMatrix(packages: readonly HandbookPackage[]): HandbookControl[] {
  const rules = packages.flatMap(one => one.rules)
  return [...new Set(rules.flatMap(({ controls }) => controls))].toSorted().map(control => {
    const serving = rules.filter(({ controls }) => controls.includes(control))
    return { control, rules: serving.map(({ id }) => id).filter(id => id !== '').toSorted(), tests: new Set(serving.flatMap(({ tests }) => tests.map(({ package: name, name: test }) => `${name}.${test}`))).size }
  })
}

function first(all: readonly Annotations[], member: 'title' | 'description'): string {
  return (all.find(annotations => annotations[member] !== undefined)?.[member] ?? '').trim()
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
