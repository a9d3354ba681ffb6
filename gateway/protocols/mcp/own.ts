// Members that are the protocol's own stay as they are (mask.ts), so they may hold nothing else: a tree where a word is due, or a
// number somebody is known by in a cursor, would pass every mask. Checked only where there is something to mask.
import type { Json } from '../../call.ts'
import { isClean, maskByClasses, type MaskPlan } from '../../mask/index.ts'
import { refusal, RefusalError } from '../../refusal.ts'
import { isObject, type JsonObject } from './messages.ts'

const maxWordLength = 128
/** Fewer digits than any number that a detector knows. */
const maxWordDigits = 6
const versionForm = /^\d{4}-\d{2}-\d{2}$/

/** The message with its tools' schemas masked by class, else the same object. @throws RefusalError `mask.failed` */
export function checkOwn(value: JsonObject, plan: MaskPlan): JsonObject {
  const { id, method, error, params, result } = value
  check(isHandle(id, plan), isWord(method))
  if (isObject(error)) check(isNumber(error['code']))
  if (isObject(params)) check(isHandle(params['progressToken'], plan), isHandle(params['requestId'], plan), isNumber(params['progress']), isNumber(params['total']), isWord(params['level']))
  if (!isObject(result)) return value
  check(result['isError'] === undefined || typeof result['isError'] === 'boolean', isWord(result['resultType']), isWord(result['cacheScope']), isNumber(result['ttlMs']),
    isHandle(result['nextCursor'], plan), isHandle(result['requestState'], plan), isVersion(result['protocolVersion']),
    (Array.isArray(result['supportedVersions']) ? result['supportedVersions'] : [result['supportedVersions']]).every(isVersion))
  for (const block of listOf(result['content'])) if (isObject(block)) check(isWord(block['type']))
  for (const message of listOf(result['messages'])) {
    if (isObject(message)) check(isWord(message['role']), !isObject(message['content']) || isWord(message['content']['type']))
  }
  return withSchemas(value, result, plan)
}

/** Names in a schema are no one's values, its defaults and examples may be. */
function withSchemas(value: JsonObject, result: JsonObject, plan: MaskPlan): JsonObject {
  const { tools } = result
  if (!Array.isArray(tools)) return value
  const masked = tools.map((tool) => {
    if (!isObject(tool)) return tool
    const schemas = Object.entries(tool).filter(([name]) => name === 'inputSchema' || name === 'outputSchema').map(([name, schema]) => [name, maskByClasses(schema, plan)] as const)
    return schemas.every(([name, schema]) => schema === tool[name]) ? tool : { ...tool, ...Object.fromEntries(schemas) }
  })
  return masked.every((tool, index) => tool === tools[index]) ? value : { ...value, result: { ...result, tools: masked } }
}

/** What the client only hands back: an id, a token, a cursor. It looks like a secret, so that class alone does not count. */
export function isHandle(value: Json | undefined, plan: MaskPlan): boolean {
  return value === undefined || value === null || isNumber(value) || (typeof value === 'string' && isClean(value, plan, 'SECRET'))
}

function isWord(value: Json | undefined): boolean {
  return value === undefined || (typeof value === 'string' && value.length <= maxWordLength && value.replace(/\P{Nd}/gu, '').length <= maxWordDigits)
}

function isVersion(value: Json | undefined): boolean {
  return value === undefined || (typeof value === 'string' && (versionForm.test(value) || isWord(value)))
}

function isNumber(value: Json | undefined): boolean {
  return value === undefined || typeof value === 'number'
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : []
}

function check(...holds: readonly boolean[]): void {
  if (holds.includes(false)) throw new RefusalError(refusal('mask.failed', 'A member of the protocol holds something else, which no mask would reach'))
}
