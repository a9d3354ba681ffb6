// One evaluation as an operation. What the enforcement point says of the subject and the resource is its word, and the record says whose;
// what governed config says of a resource stands above it. Everything else it sends is the caller's: projected before it is decided on or kept.
import type { Json, Operation, Question } from '../../call.ts'
import type { AuthzenConfig, TargetConfig } from '../../config.ts'
import { detectedClasses, isClean, type Masking, type MaskPlan } from '../../mask/index.ts'
import { readTicket } from '../../ticket.ts'
import { fault, isObject, nameOf, namesOf, wordOf, wordsOf, type Entity, type Evaluation, type JsonObject } from './messages.ts'

/** Which protocol's rules a resource is judged by. */
const protocolOf: Readonly<Record<string, string>> = { tool: 'mcp', prompt: 'mcp', resource: 'mcp', route: 'http', rpc: 'grpc' }
/** Members of `context.request` that policy reads as its own of any call (input schema, `request`). */
const requestMembers = ['method', 'era', 'version', 'tool', 'arguments', 'path', 'params', 'query', 'headers', 'body'] as const
const subjectTypes = ['user', 'service', 'agent'] as const
const undeclared = ['write'] as const

/** One object, so that its plan is compiled once. */
const wordRules = { mask: [{ id: 'words', match: { classes: detectedClasses }, op: 'redact' }] } as const

/** Finds in a word what must not stand in the record as it is: words are not projected. */
export function wordPlan(masking: Masking): MaskPlan {
  return masking.planFor(wordRules, undefined)
}

/** Of a target by name, as governed config has it; undefined where it has none, and the enforcement point's word is all there is. */
export type PlaceOf = (target: string) => Pick<TargetConfig, 'env' | 'labels'> | undefined

/** @param words `wordPlan`. @throws RefusalError `request.params` */
export function operationOf(asked: Evaluation, target: TargetConfig, config: AuthzenConfig, canHold: boolean, words: MaskPlan, placeOf: PlaceOf): Operation {
  const { action, resource, context } = asked
  const entry = Object.hasOwn(target.catalogue, resource.id) ? target.catalogue[resource.id] : undefined
  const effects = [...entry?.effects ?? effectsOf(action.properties)]
  const shown: { [name: string]: Json } = { protocol: Object.hasOwn(protocolOf, resource.type) ? protocolOf[resource.type] as string : 'authzen' }
  const { request: given = {} } = context
  // A rule about an argument would be silent where there is none to be found.
  if (!isObject(given)) throw fault('request.params', 'context.request: expected an object')
  for (const name of requestMembers) if (given[name] !== undefined) shown[name] = given[name]
  const others = without(given, requestMembers)
  shown['properties'] = {
    action: without(action.properties, ['effects']), resource: without(resource.properties, ['target', 'env', 'labels']),
    context: { ...without(context, ['request', 'ticket']), ...Object.keys(others).length === 0 ? {} : { request: others } },
  }
  const at = wordOf(resource.properties, 'target', 'resource.properties') ?? target.name
  const place = placeOf(at)
  const env = wordOf(resource.properties, 'env', 'resource.properties') ?? place?.env ?? target.env
  // A rule that is only tried out elsewhere would not hold here.
  if (place !== undefined && env !== place.env) throw fault('request.params', 'resource.properties.env: the target is in another environment')
  const properties = {
    target: at, env,
    labels: [...new Set([...target.labels, ...place?.labels ?? [], ...entry?.labels ?? [], ...wordsOf(resource.properties, 'labels', 'resource.properties')])],
  }
  const ticket = readTicket(context['ticket'], 'context.ticket')
  const said = [action.name, resource.type, properties.target, properties.env, ...effects, ...properties.labels]
  if (!said.every((word) => isClean(word, words))) throw fault('request.params', 'A word of the action or the resource is somebody\'s data')
  return {
    action: { name: action.name, properties: { effects } },
    resource: { type: resource.type, id: resource.id, properties },
    catalogueKey: resource.id,
    request: shown,
    slots: Object.keys(shown).filter((name) => name !== 'protocol').map((name) => ({ path: `/${name}` })),
    isOpaque: false,
    ...ticket === undefined ? {} : { ticket },
    canonical: () => Buffer.from(JSON.stringify([target.name, asked])),
    asks: { subject: subjectOf(asked.subject, config), canHold },
  }
}

/** Groups, client and the claims that config lists; nothing else that is said of a subject is looked at. */
function subjectOf({ type, id, properties }: Entity, { claims }: AuthzenConfig): Question['subject'] {
  const known = subjectTypes.find((one) => one === type)
  if (known === undefined) throw fault('request.params', `subject.type: expected one of ${subjectTypes.join(', ')}`)
  const at = 'subject.properties'
  return {
    type: known, id, clientId: nameOf(properties, 'client_id', at) ?? '', groups: namesOf(properties, 'groups', at),
    acr: nameOf(properties, 'acr', at) ?? '', amr: namesOf(properties, 'amr', at),
    claims: Object.fromEntries(claims.flatMap((name) => properties[name] === undefined ? [] : [[name, properties[name]]])),
  }
}

/** What nobody says changes things. */
function effectsOf(properties: JsonObject): readonly string[] {
  const said = wordsOf(properties, 'effects', 'action.properties')
  return said.length > 0 ? said : undeclared
}

function without(members: JsonObject, taken: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(members).filter(([name]) => !taken.includes(name)))
}
