// MCP messages as operations: what policy sees, what the record keeps, what an approval binds to, and the bytes that go upstream.
import type { Json, Operation } from '../../call.ts'
import type { CatalogueEntry, TargetConfig } from '../../config.ts'
import { readTicket, ticketHeader, ticketMeta } from '../../ticket.ts'
import type { Era } from './era.ts'
import { versionKey } from './era.ts'
import { fault, isObject, type ClientMessage, type JsonObject, type RpcId } from './messages.ts'
import { methodOf, serverMethodOf, streamMethod, closeMethod } from './methods.ts'
import type { McpSession } from './sessions.ts'
import { declaredUri, isFolded } from './uri.ts'

export interface McpMessage {
  readonly method: string
  /** Of a request, which has an answer; a notification, a response, a GET and a DELETE have none. */
  readonly id: RpcId | undefined
  readonly era: Era
  /** The very bytes that were parsed; empty for GET and DELETE. */
  readonly body: Uint8Array
  /** `Mcp-Param-*` as they came, a flat list: each holds an argument's value; whether it is the right one the upstream checks. */
  readonly headers: readonly string[]
  /** Headers that say how the message travels (version, method, name, last event): checked against it, so no part of what is approved. */
  readonly transport: readonly string[]
  readonly session: McpSession | undefined
}

/** How a message came, before it is known what it asks. */
export type Sent = Omit<McpMessage, 'method' | 'id'>

export interface McpOperation extends Operation {
  readonly message: McpMessage
  readonly entry: CatalogueEntry | undefined
}

// Lists of the config are copied, here and below, and an id is joined and not concatenated: V8 writes JSON of an object that has a
// frozen array or a string in two parts in it at a third of the speed.

/** Names stand in every frame of a call. */
const maxNameLength = 256
const maxUriLength = 4096

/**
 * @param header `countersign-ticket`, as it came that came with it: a client's settings may have room for a header, and none for `_meta`
 * @throws RefusalError `request.unknown_method`, `request.params`, `request.header_mismatch`
 */
export function clientOperation(message: Exclude<ClientMessage, { kind: 'response' }>, sent: Sent, target: TargetConfig, header?: string | string[]): McpOperation {
  const { method, params } = message
  const known = methodOf(method, sent.era.name)
  if (known === undefined || method === streamMethod || method === closeMethod) throw fault('request.unknown_method', 'Method not found')
  const id = message.kind === 'request' ? message.id : undefined
  const touched = known.touches
  const name = touched === undefined ? method : params[touched.member]
  if (typeof name !== 'string' || name === '') throw fault('request.params', `${touched?.member ?? 'name'} must be a string`)
  if (name.length > (touched?.member === 'uri' ? maxUriLength : maxNameLength)) throw fault('request.params', `${touched?.member ?? 'name'} is too long`)
  if (touched?.member === 'uri' && isFolded(name)) throw fault('request.params', 'uri is not in its normal form')
  const key = touched?.member === 'uri' ? declaredUri(target.catalogue, name) ?? name : name
  const entry = touched !== undefined && Object.hasOwn(target.catalogue, key) ? target.catalogue[key] : undefined
  const isCall = method === 'tools/call'
  if (isCall && params['arguments'] !== undefined && !isObject(params['arguments'])) throw fault('request.params', 'arguments must be an object')
  const ticket = ticketOf(params, header)
  return {
    action: { name: method, properties: { effects: [...entry?.effects ?? known.effects] } },
    resource: {
      type: touched?.type ?? 'server',
      id: touched === undefined ? target.name : [target.name, key].join('/'),
      properties: { target: target.name, env: target.env, labels: [...target.labels, ...entry?.labels ?? []] },
    },
    catalogueKey: key,
    request: shownRequest(method, params, sent, isCall),
    slots: !isCall ? otherSlots : entry === undefined ? undeclaredSlots : callSlots,
    isOpaque: false,
    ...known.lists === undefined ? {} : { lists: known.lists },
    ...ticket === undefined ? {} : { ticket },
    entry,
    message: { method, id, ...sent },
    canonical: () => canonical(target.name, method, withoutProgressToken(params), sent.headers, ticket),
  }
}

/** What the transport does without a message: `session/stream` (GET) and `session/close` (DELETE). */
export function sessionOperation(method: typeof streamMethod | typeof closeMethod, sent: Sent, target: TargetConfig): McpOperation {
  return plainOperation(method, methodOf(method, 'legacy')?.effects ?? [], {}, { method, id: undefined, ...sent }, target)
}

/** The client's answer to a request that the server made on a stream. */
export function answerOperation(asked: string, message: Extract<ClientMessage, { kind: 'response' }>, sent: Sent, target: TargetConfig): McpOperation {
  const { result, error } = message.answer
  return plainOperation(asked, ['write'], { answer: result ?? error ?? null }, { method: asked, id: undefined, ...sent }, target)
}

/** A request that the server makes of the client: judged like any other, from the other side. @throws RefusalError `request.unknown_method` */
export function serverOperation(method: string, id: RpcId, params: JsonObject, sent: Sent, target: TargetConfig): McpOperation {
  const known = serverMethodOf(method)
  if (known === undefined) throw fault('request.unknown_method', 'The server made a request that is not known')
  return plainOperation(method, known.effects, params, { method, id, ...sent }, target)
}

function plainOperation(method: string, effects: readonly string[], params: JsonObject, message: McpMessage, target: TargetConfig): McpOperation {
  return {
    action: { name: method, properties: { effects: [...effects] } },
    resource: { type: 'server', id: target.name, properties: { target: target.name, env: target.env, labels: [...target.labels] } },
    catalogueKey: method,
    request: { protocol: 'mcp', era: message.era.name, version: message.era.version, method, params, bytes: message.body.length },
    slots: otherSlots,
    isOpaque: false,
    entry: undefined,
    message,
    canonical: () => canonical(target.name, method, params, message.headers),
  }
}

const callSlots = [{ path: '/arguments' }, { path: '/params' }] as const
/** The name of a tool that nobody declared is the caller's text. */
const undeclaredSlots = [{ path: '/tool' }, ...callSlots] as const
const otherSlots = [{ path: '/params' }] as const
/** Say how the message travels, or who the client claims to be: unverified, so never for policy. The ticket stands in `context`. */
const transportMeta = new Set([ticketMeta, versionKey, 'io.modelcontextprotocol/clientInfo', 'io.modelcontextprotocol/clientCapabilities', 'progressToken'])

function shownRequest(method: string, params: JsonObject, sent: Sent, isCall: boolean): { [name: string]: Json } {
  const request: { [name: string]: Json } = { protocol: 'mcp', era: sent.era.name, version: sent.era.version, method }
  const rest: { [name: string]: Json } = {}
  for (const name in params) {
    const value = params[name]
    if (value === undefined) continue
    if (name === '_meta') {
      const meta = isObject(value) ? Object.entries(value).filter(([key]) => !transportMeta.has(key)) : []
      if (meta.length > 0) rest['_meta'] = Object.fromEntries(meta)
    } else if (!isCall || (name !== 'arguments' && name !== 'name')) rest[name] = value
  }
  if (isCall) {
    request['tool'] = params['name'] ?? null
    request['arguments'] = params['arguments'] ?? {}
  }
  request['params'] = rest
  request['bytes'] = sent.body.length
  return request
}

/** In `_meta` or in the header; in both, the same. */
function ticketOf(params: JsonObject, header: string | string[] | undefined): string | undefined {
  const meta = params['_meta']
  const inMessage = readTicket(isObject(meta) ? meta[ticketMeta] : undefined, `_meta["${ticketMeta}"]`)
  const inHeader = readTicket(header, ticketHeader)
  if (inMessage !== undefined && inHeader !== undefined && inMessage !== inHeader) throw fault('request.header_mismatch', `${ticketHeader} names another ticket than the message`)
  return inMessage ?? inHeader
}

function withoutProgressToken(params: JsonObject): JsonObject {
  const meta = params['_meta']
  if (!isObject(meta) || meta['progressToken'] === undefined) return params
  const { progressToken: _, ...kept } = meta
  return { ...params, _meta: kept }
}

/** One spelling for one operation: members sorted (RFC 8785 §3.2.3), so that a retry that differs only in order is the same. */
function canonical(target: string, method: string, params: JsonObject, headers: readonly string[], ticket?: string): Uint8Array {
  return Buffer.from(JSON.stringify(sorted({ target, method, params, headers: [...headers], ...ticket === undefined ? {} : { ticket } })))
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.keys(value).sort().map((name) => [name, sorted(value[name] ?? null)]))
}
