// Takes who called out of an input: each name becomes an HMAC under a key that is thrown away after the export. The same name is the same
// pseudonym within one corpus and nowhere else. What members these are is said in README.md beside this file, and nowhere but here decided.
import { createHmac } from 'node:crypto'

type Json = null | boolean | number | string | Json[] | { [name: string]: Json }
type Members = { [name: string]: Json }

const pseudonymBytes = 8

export interface Pseudonyms {
  /** `p-` and 16 hex digits; an issuer before the first `|` stays. */
  of(name: string): string
  /** A copy of a recorded input without names. */
  input(input: object): object
}

/** @param key random, 32 bytes; forgotten by the caller afterwards */
export function createPseudonyms(key: Uint8Array): Pseudonyms {
  const known = new Map<string, string>()
  const digest = (text: string): string => createHmac('sha256', key).update(text).digest('hex').slice(0, pseudonymBytes * 2)
  const of = (name: string): string => {
    if (name === '') return name
    const before = known.get(name)
    if (before !== undefined) return before
    // `https://idp.example|ana`: who vouches for a name is no name, and policies look at it.
    const bar = name.indexOf('|') + 1
    const pseudonym = `${name.slice(0, bar)}p-${digest(name)}`
    known.set(name, pseudonym)
    return pseudonym
  }
  // Still an address, in the range that RFC 3849 keeps for examples: a rule that parses it does not fall silent.
  const address = (ip: string): string => ip === '' ? ip : `2001:db8::${(digest(ip).match(/.{4}/g) ?? []).join(':')}`
  const id = (hex: string): string => hex === '' ? hex : digest(hex).padEnd(hex.length, '0').slice(0, hex.length)

  return { of, input: (input) => withoutNames(structuredClone(input) as Members, { of, address, id }) }
}

interface Replace { readonly of: (name: string) => string; readonly address: (ip: string) => string; readonly id: (hex: string) => string }

function withoutNames(input: Members, replace: Replace): Members {
  // Also where a caller's own name stands elsewhere, as in {"owner": "…|ana"}: rules compare the two.
  const named = new Map<string, string>()
  const swap = (members: Members | undefined, name: string, by: (text: string) => string): void => {
    const value = members?.[name]
    if (members === undefined || typeof value !== 'string' || value === '') return
    named.set(value, by(value))
    members[name] = by(value)
  }
  const subject = membersOf(input['subject'])
  const actor = membersOf(subject?.['actor'])
  const properties = membersOf(subject?.['properties'])
  const context = membersOf(input['context'])
  const resource = membersOf(membersOf(input['resource'])?.['properties'])
  const request = membersOf(input['request'])
  swap(input, 'decision_id', replace.id)
  swap(membersOf(input['session']), 'id', replace.id)
  swap(subject, 'id', replace.of)
  swap(subject, 'sponsor', replace.of)
  swap(properties, 'client_id', replace.of)
  swap(actor, 'id', replace.of)
  if (actor !== undefined) actor['chain'] = everyText(actor['chain'] ?? [], replace.of)
  swap(context, 'ip', replace.address)
  swap(resource, 'user', replace.of)
  swap(request, 'user', replace.of)
  if (properties?.['claims'] !== undefined) properties['claims'] = everyText(properties['claims'], replace.of, () => 0)
  for (const name of ['approval', 'grants']) if (context?.[name] !== undefined) context[name] = everyText(context[name], replace.of)
  const groups = properties?.['groups']
  const copy = everyText(input, (text) => named.get(text) ?? text) as Members
  // A group that is called as its only member is a group.
  const copied = membersOf(membersOf(copy['subject'])?.['properties'])
  if (copied !== undefined && groups !== undefined) copied['groups'] = groups
  return copy
}

function membersOf(value: Json | undefined): Members | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
}

/** Types, booleans and member names stay; so do numbers, but in claims, where one may be a staff number. */
function everyText(value: Json, change: (text: string) => string, number = (kept: number): number => kept): Json {
  if (typeof value === 'string') return change(value)
  if (typeof value === 'number') return number(value)
  if (Array.isArray(value)) return value.map((item) => everyText(item, change, number))
  const members = membersOf(value)
  if (members === undefined) return value
  return Object.fromEntries(Object.entries(members).map(([name, member]) => [name, everyText(member, change, number)]))
}
