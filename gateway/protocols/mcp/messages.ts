// One JSON-RPC message from a client, read strictly: no batch, no duplicate or case-variant members, nothing two parsers could read differently.
import type { Json } from '../../call.ts'
import type { TargetConfig } from '../../config.ts'
import { JsonError, parseJson } from '../../mask/index.ts'
import { refusal, RefusalError, type RefusalCode } from '../../refusal.ts'

export type RpcId = string | number
export type JsonObject = { readonly [name: string]: Json }

/** A client's message; a response answers a request that the server made on a stream. */
export type ClientMessage =
  | { readonly kind: 'request'; readonly id: RpcId; readonly method: string; readonly params: JsonObject }
  | { readonly kind: 'notification'; readonly method: string; readonly params: JsonObject }
  | { readonly kind: 'response'; readonly id: RpcId; readonly answer: JsonObject }

/** What an upstream may send: the same three, read from its bytes. */
export type ServerMessage =
  | { readonly kind: 'request'; readonly id: RpcId; readonly method: string; readonly params: JsonObject; readonly value: JsonObject }
  | { readonly kind: 'notification'; readonly method: string; readonly params: JsonObject; readonly value: JsonObject }
  | { readonly kind: 'response'; readonly id: RpcId | null; readonly value: JsonObject }

const envelope = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error'])
/** Members of `params` that some parsers match without regard to case: a variant beside the real one would be read by the upstream only. */
const spelled = new Map(['name', 'arguments', 'uri', '_meta', 'taskId', 'cursor', 'ref', 'argument', 'requestState', 'inputResponses', 'protocolVersion', 'capabilities', 'clientInfo', 'task', 'level', 'requestId']
  .map((name) => [name.toLowerCase(), name]))
const maxIdLength = 256
const maxMethodLength = 128

/** @throws RefusalError `request.malformed`, `request.too_large`, `request.invalid` or `request.params` */
export function parseMessage(body: Uint8Array, target: TargetConfig): ClientMessage {
  const value = readStrictly(body, target)
  if (Array.isArray(value)) throw fault('request.invalid', 'A batch is not allowed: send one message a request')
  if (!isObject(value)) throw fault('request.invalid', 'The body must be one JSON-RPC message')
  for (const name of Object.keys(value)) if (!envelope.has(name)) throw fault('request.invalid', 'The message has a member that is not JSON-RPC')
  if (value['jsonrpc'] !== '2.0') throw fault('request.invalid', 'jsonrpc must be "2.0"')
  const { id, method } = value
  if (id !== undefined && !isId(id)) throw fault('request.invalid', 'id must be a string or an integer')
  if (method === undefined) return parseAnswer(value, id)
  if (typeof method !== 'string' || method === '' || method.length > maxMethodLength) throw fault('request.invalid', 'method must be a name')
  if ('result' in value || 'error' in value) throw fault('request.invalid', 'A message is a request or a response, not both')
  const params = value['params'] ?? {}
  if (!isObject(params)) throw fault('request.params', 'params must be an object')
  for (const name of Object.keys(params)) {
    const known = spelled.get(name.toLowerCase())
    if (known !== undefined && known !== name) throw fault('request.params', `A parameter is spelled like ${known}, but not quite`)
  }
  if (params['_meta'] !== undefined && !isObject(params['_meta'])) throw fault('request.params', '_meta must be an object')
  return id === undefined ? { kind: 'notification', method, params } : { kind: 'request', id, method, params }
}

function parseAnswer(value: JsonObject, id: Json | undefined): ClientMessage {
  if (!isId(id)) throw fault('request.invalid', 'A message without a method must answer a request by its id')
  if (('result' in value) === ('error' in value)) throw fault('request.invalid', 'A response has a result or an error')
  return { kind: 'response', id, answer: value }
}

function readStrictly(body: Uint8Array, target: TargetConfig): Json {
  try {
    return parseJson(body, { maxBytes: target.limits.maxBodyBytes, maxDepth: target.limits.maxDepth, inexact: 'refuse' })
  } catch (error) {
    if (error instanceof JsonError) throw fault(error.fault === 'too_large' ? 'request.too_large' : 'request.malformed', error.message)
    throw error
  }
}

/** A message of the upstream's; undefined when it is none. */
export function readServerMessage(value: Json): ServerMessage | undefined {
  if (!isObject(value) || value['jsonrpc'] !== '2.0') return undefined
  // Clients that mind no case, and those that look for a result before a method, would read another message than was masked.
  if (Object.keys(value).some((name) => !envelope.has(name) && envelope.has(name.toLowerCase()))) return undefined
  const { id, method, params = {} } = value
  if (method === undefined) {
    if (('result' in value) === ('error' in value)) return undefined
    if (isId(id)) return { kind: 'response', id, value }
    return 'error' in value ? { kind: 'response', id: null, value } : undefined
  }
  if (typeof method !== 'string' || !isObject(params) || 'result' in value || 'error' in value) return undefined
  if (id === undefined) return { kind: 'notification', method, params, value }
  return isId(id) ? { kind: 'request', id, method, params, value } : undefined
}

/** JSON-RPC 2.0 §4: a number's fraction would make two ids of one; 1 and "1" are different ids. */
function isId(id: Json | undefined): id is RpcId {
  return typeof id === 'string' ? id.length <= maxIdLength : typeof id === 'number' && Number.isSafeInteger(id)
}

export function idKey(id: RpcId): string {
  return typeof id === 'string' ? `s${id}` : `n${id}`
}

export function isObject(value: Json | undefined): value is { [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function writeResult(id: RpcId, result: Json): string {
  return JSON.stringify({ jsonrpc: '2.0', id, result })
}

export function writeError(id: RpcId | null, code: number, message: string, data: Json | undefined): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: data === undefined ? { code, message } : { code, message, data } })
}

/** One event with one message; a text with line ends of its own would become several `data:` lines, so it has none. */
export function writeEvent(data: string, id: string | undefined, retry: string | undefined): Uint8Array {
  return Buffer.from(`${id === undefined ? '' : `id: ${id}\n`}${retry === undefined ? '' : `retry: ${retry}\n`}data: ${data}\n\n`)
}

export function fault(code: RefusalCode, message: string): RefusalError {
  return new RefusalError(refusal(code, message))
}
