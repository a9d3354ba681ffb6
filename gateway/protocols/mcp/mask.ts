// The walk over MCP's results, errors, notifications and server requests: every member is walked but the few that are the
// protocol's own; mask pointers count from the result, from structured content, and from JSON inside a text block.
import type { Json, MaskedPart, PartSummary, Permit } from '../../call.ts'
import { compileFrame, JsonError, maskJson, parseJson, parseJsonText, splitPart, type Frame, type Framing, type Masking, type MaskPlan } from '../../mask/index.ts'
import type { TargetConfig } from '../../config.ts'
import type { VisibleItem } from '../../protocol.ts'
import { refusal, RefusalError, type Refusal } from '../../refusal.ts'
import { refuseBinary } from './binary.ts'
import { isObject, type ServerMessage } from './messages.ts'
import type { McpOperation } from './operation.ts'
import { checkOwn } from './own.ts'
import { declaredUri } from './uri.ts'

/** Never data (own.ts holds them to that): changing them would break the protocol, and a date of birth detector would. */
const own = ['/jsonrpc', '/id', '/method', '/error/code', '/result/isError', '/result/resultType', '/result/ttlMs', '/result/cacheScope', '/result/nextCursor',
  '/result/protocolVersion', '/result/supportedVersions', '/result/content/*/type', '/result/messages/*/role', '/result/messages/*/content/type',
  '/result/requestState', '/params/progressToken', '/params/progress', '/params/total', '/params/requestId', '/params/level']
/** A tool's schema names fields; a name rule would turn the field's schema into nothing. What detectors find in it own.ts has masked. */
const schemas = ['/result/tools/*/inputSchema', '/result/tools/*/outputSchema']

const callFrame = compileFrame({ roots: ['/result', '/result/structuredContent'], keep: own })
const frame = compileFrame({ roots: ['/result', '/params'], keep: [...own, ...schemas] })

const noMasks = { mask: [] } as const
const nothing = new Uint8Array(0)

export function planOf(permit: Permit<McpOperation>, masking: Masking): MaskPlan {
  return masking.planFor(permit.call.decision, permit.call.operation.entry)
}

/** An answer's JSON, read once. @throws RefusalError `upstream.broken`, `upstream.too_large` */
export function readAnswer(text: Uint8Array | string, plan: MaskPlan): Json {
  const limits = { ...plan.limits, inexact: 'keep' } as const
  try {
    return typeof text === 'string' ? parseJsonText(text, limits) : parseJson(text, limits)
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause
    throw new RefusalError(refusal(cause.fault === 'too_large' ? 'upstream.too_large' : 'upstream.broken', `The upstream's JSON cannot be read: ${cause.message}`), cause)
  }
}

/** One message of the upstream's as a part; `raw` are its bytes where the protocol changed nothing. @throws RefusalError `mask.failed`, `mask.unenforceable` */
export function maskMessage(message: ServerMessage, raw: Uint8Array | undefined, permit: Permit<McpOperation>, plan: MaskPlan, summary: PartSummary, framing?: Framing): readonly MaskedPart[] {
  const options: { frame: Frame; framing?: Framing; parsed?: Json } = { frame: permit.call.operation.action.name === 'tools/call' ? callFrame : frame }
  if (framing !== undefined) options.framing = framing
  if (!plan.isEmpty && permit.call.operation.entry?.isOpaque !== true) refuseBinary(message.value as Json)
  const value = plan.isEmpty ? message.value : checkOwn(message.value, plan)
  if (raw !== undefined && value === message.value) options.parsed = value as Json
  return splitPart(maskJson(options.parsed === undefined || raw === undefined ? value as Json : raw, plan, summary, options))
}

export function summaryOf(message: ServerMessage): PartSummary {
  if (message.kind !== 'response') return { title: message.method, status: 'delivered', isFinal: false }
  const { result } = message.value
  const title = 'error' in message.value ? 'error' : isObject(result) && result['isError'] === true ? 'isError' : 'result'
  return { title, status: 'delivered', isFinal: true }
}

/** An end without a result of its own: 202, a closed stream. */
export function endPart(title: string, masking: Masking): MaskedPart {
  return maskJson(Buffer.from('null'), masking.planFor(noMasks, undefined), { title, status: 'delivered', isFinal: true }, { framing: { before: '', linePrefix: '', after: '' } })
}

/** The outcome of a call that brought no result. */
export function failedPart(refused: Refusal, isCancelled: boolean, masking: Masking): MaskedPart {
  const summary: PartSummary = { title: refused.message, status: isCancelled ? 'cancelled' : 'failed', isFinal: true, code: refused.code }
  return maskJson(Buffer.from('null'), masking.planFor(noMasks, undefined), summary)
}

/** What this list shows to this caller: the rule that decides a call decides here, too. Returns the same message where nothing changed. */
export function filterList(message: ServerMessage, permit: Permit<McpOperation>, { catalogue }: TargetConfig, visible: (items: readonly VisibleItem[]) => readonly boolean[]): ServerMessage {
  const { lists, resource } = permit.call.operation
  const { result } = message.value
  if (lists === undefined || message.kind !== 'response' || !isObject(result)) return message
  const listed = result[lists]
  const items: VisibleItem[] = []
  const known: Json[] = []
  for (const item of Array.isArray(listed) ? listed : []) {
    const name = isObject(item) ? item[nameMember[lists] ?? 'name'] : undefined
    if (typeof name !== 'string') continue                       // nothing that can be called by a name
    const type = itemType[lists] ?? 'tool'
    const key = type === 'resource' ? declaredUri(catalogue, name) ?? name : name
    items.push({ type, id: `${resource.id}/${key}`, catalogueKey: key })
    known.push(item as Json)
  }
  const shown = items.length === 0 ? [] : visible(items)
  const kept = known.filter((_, index) => shown[index] === true)
  const isUnchanged = Array.isArray(listed) && kept.length === listed.length && (result['cacheScope'] === undefined || result['cacheScope'] === 'private')
  if (isUnchanged) return message
  return { ...message, value: { ...message.value, result: keptPrivate({ ...result, [lists]: kept }) } }
}

const nameMember: Readonly<Record<string, string>> = { tools: 'name', prompts: 'name', resources: 'uri', resourceTemplates: 'uriTemplate' }
const itemType: Readonly<Record<string, string>> = { tools: 'tool', prompts: 'prompt', resources: 'resource', resourceTemplates: 'resource' }

/** What was masked for one caller may not be shown to another from a cache (2026-07-28, caching). */
export function privateResult(message: ServerMessage, plan: MaskPlan): ServerMessage {
  const { result } = message.value
  if (plan.isEmpty || message.kind !== 'response' || !isObject(result) || result['cacheScope'] === undefined || result['cacheScope'] === 'private') return message
  return { ...message, value: { ...message.value, result: keptPrivate(result) } }
}

function keptPrivate(result: { [name: string]: Json }): { [name: string]: Json } {
  return result['cacheScope'] === undefined ? result : { ...result, cacheScope: 'private' }
}

export { nothing }
