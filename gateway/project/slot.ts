// One slot of a request: a scalar or a tree of the caller's values. Copies only what it changes.
import type { Json, Slot } from '../call.ts'
import { classOf, escapeSegment, parsePointer, stepInto } from '../sensitive/catalogue.ts'
import type { FieldNodes, Fields } from '../sensitive/catalogue.ts'
import { findInMember } from '../sensitive/find.ts'
import { noMember } from '../sensitive/names.ts'
import type { Member } from '../sensitive/member.ts'
import type { KnownMember, Names } from '../sensitive/names.ts'
import type { Tokens } from '../sensitive/tokens.ts'
import { replaceSpans } from './span.ts'

export interface Findings {
  readonly classes: Set<string>
  /** Pointers into the projected request: values that were no strings and became `{class, token}` without being declared. */
  readonly projected: string[]
}

export function createFindings(): Findings {
  return { classes: new Set(), projected: [] }
}

/** More entries tell policy nothing new, and a hostile request must not grow the record. */
const MAX_PROJECTED = 256
/** Smaller numbers are counts and years. */
const MIN_NUMBER = 1_000

type Members = { readonly [name: string]: Json }
interface Walk { readonly names: Fields['names']; readonly members: Names; readonly tokens: Tokens; readonly findings: Findings; readonly path: string[] }

/** A slot whose pointer is read. */
export interface Place { readonly segments: readonly string[]; readonly declared: string | undefined }

/** @throws TypeError when its path is no RFC 6901 pointer */
export function placeOf({ path, declared }: Slot): Place {
  const segments = parsePointer(path)
  if (segments === undefined) throw new TypeError('a slot has a malformed path')
  return { segments, declared }
}

/** A place where nothing is changes nothing. */
export function projectPlace(request: Members, { segments, declared }: Place, fields: Fields, members: Names, tokens: Tokens, findings: Findings): Members {
  const walk: Walk = { names: fields.names, members, tokens, findings, path: [] }
  return descend(walk, request, segments, 0, [fields.root], fields.root, declared) as Members
}

/** A text of the caller's that is no slot. */
export function projectText(text: string, tokens: Tokens, findings: Findings): string {
  const found = findInMember(text, noMember)
  for (const finding of found) findings.classes.add(finding.class)
  return replaceSpans(text, found, tokens, true)
}

/** Goes down to the slot. Catalogue pointers count from the request (`/query/ssn`) and from the slot (`/customer/ssn`). */
function descend(walk: Walk, value: Json, segments: readonly string[], depth: number, nodes: FieldNodes, root: FieldNodes[number], declared: string | undefined): Json {
  if (depth === segments.length) {
    if (declared !== undefined) return declare(walk, declared, value)
    return project(walk, value, walk.members.of(segments.at(-1) ?? ''), depth === 0 ? nodes : [...nodes, root])
  }
  const segment = segments[depth] ?? ''
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return value
  const before = (value as Members)[segment] as Json
  walk.path.push(segment)
  const after = descend(walk, before, segments, depth + 1, stepInto(nodes, segment), root, declared)
  walk.path.pop()
  if (after === before) return value
  return Array.isArray(value) ? value.with(Number(segment), after) : { ...value, [segment]: after }
}

function project(walk: Walk, value: Json, member: KnownMember, nodes: FieldNodes): Json {
  const declared = classOf(nodes) ?? (walk.names.size > 0 && member.name !== '' ? walk.names.get(member.lowerCase) : undefined)
  if (declared !== undefined) return declare(walk, declared, value)
  if (typeof value === 'string') return projectString(walk, value, member, false)
  if (typeof value === 'number') return projectNumber(walk, value, member)
  if (typeof value !== 'object' || value === null) return value
  return Array.isArray(value) ? projectArray(walk, value, member, nodes) : projectObject(walk, value, nodes)
}

function declare(walk: Walk, className: string, value: Json): Json {
  walk.findings.classes.add(className)
  return { class: className, token: walk.tokens.token(className, typeof value === 'string' ? value : JSON.stringify(value)) }
}

function projectString(walk: Walk, value: string, member: Member, isExact: boolean): string {
  const found = findInMember(value, member)
  for (const finding of found) walk.findings.classes.add(finding.class)
  return replaceSpans(value, found, walk.tokens, isExact)
}

function projectNumber(walk: Walk, value: number, member: Member): Json {
  if (!Number.isInteger(value) || Math.abs(value) < MIN_NUMBER) return value
  const text = String(value)
  const [first] = findInMember(text, member)
  if (first === undefined) return value
  if (walk.findings.projected.length < MAX_PROJECTED) walk.findings.projected.push(`/${walk.path.map(escapeSegment).join('/')}`)
  return declare(walk, first.class, text)
}

function projectArray(walk: Walk, value: Json[], member: KnownMember, nodes: FieldNodes): Json {
  let copy: Json[] | undefined
  for (let i = 0; i < value.length; i++) {
    const before = value[i] as Json
    walk.path.push(String(i))
    const after = project(walk, before, member, nodes.length === 0 ? nodes : stepInto(nodes, String(i)))
    walk.path.pop()
    if (after !== before) (copy ??= value.slice())[i] = after
  }
  return copy ?? value
}

function projectObject(walk: Walk, value: { [name: string]: Json }, nodes: FieldNodes): Json {
  let hasChanged = false
  const changed: [string, Json][] = []
  for (const name in value) {
    const before = value[name] as Json
    const member = walk.members.of(name)
    const newName = member.isClean ? name : projectString(walk, name, noMember, true)
    walk.path.push(newName)
    const after = project(walk, before, member, nodes.length === 0 ? nodes : stepInto(nodes, name))
    walk.path.pop()
    if (after !== before || newName !== name) {
      // Only now is a copy worth its price: it starts with everything before this member.
      if (!hasChanged) for (const earlier in value) { if (earlier === name) break; changed.push([earlier, value[earlier] as Json]) }
      hasChanged = true
    }
    if (hasChanged) changed.push([newName, after])
  }
  return hasChanged ? withUniqueNames(changed) : value
}

/** Two names that project to one must not hide a value from policy. */
function withUniqueNames(members: readonly [string, Json][]): Json {
  const copy: { [name: string]: Json } = {}
  for (const [name, value] of members) {
    let unique = name
    for (let n = 2; Object.hasOwn(copy, unique); n++) unique = `${name}#${n}`
    if (name === '__proto__') Object.defineProperty(copy, unique, { value, enumerable: true, writable: true, configurable: true })
    else copy[unique] = value
  }
  return copy
}
