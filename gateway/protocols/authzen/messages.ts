// What an enforcement point asks: AuthZEN Authorization API 1.0 (§5 entities, §6 evaluation, §7 evaluations) and OPA's data API. Strict JSON, closed shapes.
import type { Json } from '../../call.ts'
import { JsonError, parseJson } from '../../mask/index.ts'
import { refusal, RefusalError, type RefusalCode } from '../../refusal.ts'

/** One call asks at most this many questions: they are decided and recorded together. */
export const maxEvaluations = 256
const maxBytes = 1024 * 1024
/** Characters of all evaluations of a call with their defaults filled in: each is decided and recorded by itself, so a large default costs as often as it is used. */
const maxExpandedChars = 4 * 1024 * 1024
const maxDepth = 32
/** Ids, names and groups stand in every frame. */
const maxNameChars = 1024
const maxGroups = 1000
const maxWordChars = 128
const maxWordDigits = 6

export type JsonObject = { readonly [name: string]: Json }
export interface Entity { readonly type: string; readonly id: string; readonly properties: JsonObject }
export interface Evaluation { readonly subject: Entity; readonly action: { readonly name: string; readonly properties: JsonObject }; readonly resource: Entity; readonly context: JsonObject }

/** Why one evaluation of several cannot be decided: it is a deny of its own, and the others go on. */
export interface Malformed { readonly malformed: string }

export const semantics = ['execute_all', 'deny_on_first_deny', 'permit_on_first_permit'] as const
export type Semantics = (typeof semantics)[number]

export interface Evaluations { readonly items: readonly (Evaluation | Malformed)[]; readonly semantics: Semantics; /** Asked as one, answered as one. */ readonly isSingle: boolean }

/** @throws RefusalError `request.*` */
export function readObject(bytes: Uint8Array): JsonObject {
  let value: Json
  try {
    value = parseJson(bytes, { maxBytes, maxDepth, inexact: 'refuse' })
  } catch (error) {
    if (error instanceof JsonError) throw fault(error.fault === 'too_large' ? 'request.too_large' : 'request.malformed', error.message)
    throw error
  }
  if (!isObject(value)) throw fault('request.malformed', 'The request is not a JSON object')
  return value
}

/** §6.1. @throws RefusalError `request.params` that names the member */
export function readEvaluation(body: JsonObject): Evaluation {
  const found = evaluationOf(body, {})
  if ('malformed' in found) throw fault('request.params', found.malformed)
  return found
}

/** §7.1: members of the request are defaults of each evaluation; without evaluations it is a single one. @throws RefusalError `request.params` */
export function readEvaluations(body: JsonObject): Evaluations {
  const { evaluations, options = {}, ...defaults } = body
  if (evaluations === undefined || (Array.isArray(evaluations) && evaluations.length === 0)) return { items: [readEvaluation(defaults)], semantics: 'execute_all', isSingle: true }
  if (!Array.isArray(evaluations)) throw fault('request.params', 'evaluations: expected an array')
  if (evaluations.length > maxEvaluations) throw fault('request.too_large', `evaluations: more than ${maxEvaluations}`)
  if (!isObject(options)) throw fault('request.params', 'options: expected an object')
  const { evaluations_semantic: semantic = 'execute_all' } = options
  const known = semantics.find((one) => one === semantic)
  if (known === undefined) throw fault('request.params', `options.evaluations_semantic: expected one of ${semantics.join(', ')}`)
  const shared = JSON.stringify(['subject', 'action', 'resource', 'context'].map((name) => defaults[name] ?? null)).length
  if (shared * evaluations.length > maxExpandedChars) throw fault('request.too_large', 'evaluations: the defaults are too long for so many')
  return { items: evaluations.map((item) => isObject(item) ? evaluationOf(item, defaults) : { malformed: 'expected an object' }), semantics: known, isSingle: false }
}

function evaluationOf(written: JsonObject, defaults: JsonObject): Evaluation | Malformed {
  const all = { ...defaults, ...written }
  const { context = {} } = all
  const subject = entityOf(all['subject'], defaults['subject'], 'subject')
  if ('malformed' in subject) return subject
  const resource = entityOf(all['resource'], defaults['resource'], 'resource')
  if ('malformed' in resource) return resource
  const { action } = all
  if (!isObject(action)) return { malformed: 'action: expected an object' }
  const { name = memberOf(defaults['action'], 'name'), properties = {} } = action
  if (!isWord(name)) return { malformed: 'action.name: expected a word' }
  if (!isObject(properties)) return { malformed: 'action.properties: expected an object' }
  if (!isObject(context)) return { malformed: 'context: expected an object' }
  return { subject, resource, action: { name, properties }, context }
}

/** An entity takes the place of its default whole, but for what every entity must have (certification scenario, c-3-2-7): properties are never mixed. */
function entityOf(written: Json | undefined, fallback: Json | undefined, at: string): Entity | Malformed {
  if (!isObject(written)) return { malformed: `${at}: expected an object` }
  const { type = memberOf(fallback, 'type'), id = memberOf(fallback, 'id'), properties = {} } = written
  if (!isWord(type)) return { malformed: `${at}.type: expected a word` }
  if (!isName(id)) return { malformed: `${at}.id: expected a string` }
  if (!isObject(properties)) return { malformed: `${at}.properties: expected an object` }
  return { type, id, properties }
}

/** A rule about a group or a label would be silent where a list that it cannot read became an empty one: that is refused. @throws RefusalError `request.params` */
export function namesOf(members: JsonObject, name: string, at: string): string[] {
  return listOf(members[name], isName, `${at}.${name}: expected at most ${maxGroups} strings`)
}

/** @throws RefusalError `request.params` */
export function wordsOf(members: JsonObject, name: string, at: string): string[] {
  return listOf(members[name], isWord, `${at}.${name}: expected at most ${maxGroups} words`)
}

/** @throws RefusalError `request.params` */
export function nameOf(members: JsonObject, name: string, at: string): string | undefined {
  return textOf(members[name], isName, `${at}.${name}: expected a string`)
}

/** @throws RefusalError `request.params` */
export function wordOf(members: JsonObject, name: string, at: string): string | undefined {
  return textOf(members[name], isWord, `${at}.${name}: expected a word`)
}

function listOf(value: Json | undefined, isOne: (item: Json) => item is string, wrong: string): string[] {
  if (value === undefined) return []
  if (!Array.isArray(value) || value.length > maxGroups || !value.every(isOne)) throw fault('request.params', wrong)
  return [...value]
}

function textOf(value: Json | undefined, isOne: (value: Json) => value is string, wrong: string): string | undefined {
  if (value === undefined) return undefined
  if (!isOne(value)) throw fault('request.params', wrong)
  return value
}

function memberOf(value: Json | undefined, name: string): Json | undefined {
  return isObject(value) ? value[name] : undefined
}

export function isObject(value: Json | undefined): value is { [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Of somebody's vocabulary, not about anybody: it is recorded as it is, so it has fewer digits than any number that a detector knows. */
function isWord(value: Json | undefined): value is string {
  return isName(value) && value.length <= maxWordChars && value.replace(/\P{Nd}/gu, '').length <= maxWordDigits
}

function isName(value: Json | undefined): value is string {
  // As of tokens: a name with a line's end in it would be two in whatever joins names by lines.
  return typeof value === 'string' && value !== '' && value.length <= maxNameChars && !/[\u0000-\u001f\u007f]/.test(value)
}

export function fault(code: RefusalCode, message: string): RefusalError {
  return new RefusalError(refusal(code, message))
}
