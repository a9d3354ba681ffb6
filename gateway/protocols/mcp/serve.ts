// The client side of Streamable HTTP: one exchange from its head to its last event. Every exit is an answer or a refusal, and on record.
import type { IncomingHttpHeaders } from 'node:http'
import type { Json, Permit } from '../../call.ts'
import { Caller } from '../../caller.ts'
import type { ConnectionEnd } from '../../protocol.ts'
import { isRefusal, refusal, RefusalError, refusalReceipt, type Refusal } from '../../refusal.ts'
import { decodeHeader, eraOf, legacyVersion, modernVersion, single, type Era } from './era.ts'
import type { McpDoor, McpExchange, McpGate } from './gate.ts'
import { failedPart } from './mask.ts'
import { fault, idKey, parseMessage, type ClientMessage, type RpcId } from './messages.ts'
import { closeMethod, streamMethod } from './methods.ts'
import { answerOperation, clientOperation, sessionOperation, type McpOperation, type Sent } from './operation.ts'
import { refusalHeaders, sayRefusal } from './refuse.ts'
import { ticketHeader } from '../../ticket.ts'
import { Relay } from './relay.ts'
import type { McpSession, McpSessions } from './sessions.ts'

/** What is known of a message so far: a refusal is said with it. */
interface Asked { id: RpcId | null; era: Era | undefined; operation: McpOperation | undefined }

export async function serveExchange(client: McpExchange, door: McpDoor, sessions: McpSessions, publicUrl: string): Promise<ConnectionEnd> {
  const { response } = client
  const { target } = door
  const asked: Asked = { id: null, era: undefined, operation: undefined }
  const entered = door.enter(client.credential)
  const gate = entered instanceof Promise ? await entered : entered
  if (isRefusal(gate)) return refuse(gate)
  let operation: McpOperation | undefined
  try {
    operation = await readOperation(client, door, gate, sessions, asked)
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error
    return refuse(await gate.refuse(error.refusal.code, error.refusal.message))
  }
  if (operation === undefined) return 'aborted'
  asked.operation = operation
  const caller = new Caller(response)
  const [permit] = await gate.request([operation], 'client', caller)
  if (permit === undefined || isRefusal(permit)) return refuse(permit ?? refusal('gateway.fault'))
  let relay: Relay | undefined
  try {
    relay = new Relay(client, door, gate, permit, caller, sessions)   // compiles the masks: one that cannot be enforced stops the call here
    const opening = gate.open()
    const upstream = opening instanceof Promise ? await opening : opening
    await relay.run(upstream, await upstream.forward(permit, caller.onSent))
    return caller.isGone ? 'aborted' : 'ended'
  } catch (error) {
    // A legacy client that went away has not cancelled: it may come back for the rest (2025-11-25, "Resumability").
    if (caller.isGone && relay?.keepForLater() === true) return 'aborted'
    relay?.giveUp()
    const failed = { decisionId: Buffer.from(permit.call.decisionId).toString('hex'), ...error instanceof RefusalError ? error.refusal : refusal('gateway.fault') }
    await recordFailure(gate, permit, failed, caller.isGone, door)
    if (relay?.sayFailure(sayRefusal({ refusal: failed, ...asked }).text) === true) return 'aborted'
    return refuse(failed)
  }

  function refuse(refused: Refusal): ConnectionEnd {
    const { status, text } = sayRefusal({ refusal: refused, ...asked })
    const body = Buffer.from(text)
    response.writeHead(status, { ...refusalHeaders(refused, status, target, publicUrl), ...refusalReceipt(refused), 'content-length': body.length })
    response.end(body)
    return 'refused'
  }
}

/** The outcome of a call that got no result. A result that could not be recorded is already *ambiguous*: nothing more is written. */
async function recordFailure(gate: McpGate, permit: Permit<McpOperation>, failed: Refusal, isCancelled: boolean, door: McpDoor): Promise<void> {
  if (failed.code === 'record.ambiguous') return
  await gate.deliver([[permit, failedPart(failed, isCancelled, door.masking)]]).catch(() => undefined)
}

/** @returns undefined when the caller left before the message was here. @throws RefusalError `request.*` */
async function readOperation(client: McpExchange, door: McpDoor, gate: McpGate, sessions: McpSessions, asked: Asked): Promise<McpOperation | undefined> {
  const { request } = client
  const { target } = door
  const { headers } = request
  if (client.path !== '' && client.path !== '/') throw fault('request.unknown_target', 'The MCP endpoint has no such path')
  if (request.method === 'GET' || request.method === 'DELETE') {
    const version = single(headers, 'mcp-protocol-version')
    if (version !== undefined && version >= modernVersion) throw fault('request.not_allowed', 'This protocol version has no sessions and no listening stream')
    const era: Era = { name: 'legacy', version: legacyVersion(version) }
    const session = findSession(headers, gate, sessions)
    if (request.method === 'DELETE' && session === undefined) throw fault('request.invalid', 'There is no session to close')
    const transport = [...transportHeaders(headers, era), ...lastEvent(headers, session?.id ?? gate.owner, sessions)]
    return sessionOperation(request.method === 'GET' ? streamMethod : closeMethod, { era, session, body: nothing, headers: [], transport }, target)
  }
  if (request.method !== 'POST') throw fault('request.not_allowed', 'The HTTP method is not allowed here')
  if (!isJsonType(headers['content-type'])) throw fault('request.media_type', 'The content type must be application/json')
  const body = await client.readBody(target.limits.maxBodyBytes)
  if (body.kind === 'aborted') return undefined
  if (body.kind === 'long') throw fault('request.too_large', 'The message is too large')
  const message = parseMessage(body.bytes, target)
  if (message.kind === 'request') asked.id = message.id
  asked.era = { name: 'modern', version: single(headers, 'mcp-protocol-version') ?? '' }
  const era = asked.era = eraOf(message, headers)
  if (!acceptsBoth(headers.accept, era)) throw fault('request.not_acceptable', 'Accept must list application/json and text/event-stream')
  const isInitialize = message.kind === 'request' && message.method === 'initialize'
  const session = era.name === 'legacy' && !isInitialize ? findSession(headers, gate, sessions) : undefined
  const sent: Sent = { era, session, body: body.bytes, headers: parameterHeaders(headers, message, era), transport: transportHeaders(headers, era) }
  return message.kind === 'response' ? answerOperation(askedBy(message, session), message, sent, target) : clientOperation(message, sent, target, headers[ticketHeader])
}

const nothing = new Uint8Array(0)

/** An id that is not this caller's does not exist (2025-11-25, transports, "Session Management": 404). */
function findSession(headers: IncomingHttpHeaders, gate: McpGate, sessions: McpSessions): McpSession | undefined {
  const id = single(headers, 'mcp-session-id')
  if (id === undefined) return undefined
  const session = sessions.find(id, gate.owner)
  if (session === undefined) throw fault('request.unknown_session', 'Unknown or expired session: initialize again')
  return session
}

/** A client may only answer what it was asked, and once. */
function askedBy(message: Extract<ClientMessage, { kind: 'response' }>, session: McpSession | undefined): string {
  const key = idKey(message.id)
  const method = session?.asked.get(key)
  if (session === undefined || method === undefined) throw fault('request.invalid', 'The response answers no request of the server')
  session.asked.delete(key)
  return method
}

/** What was held against the message, by era: a header that was not is not passed on, since somebody behind us might act on it. */
const transported = { legacy: ['mcp-protocol-version'], modern: ['mcp-protocol-version', 'mcp-method', 'mcp-name'] } as const

function transportHeaders(headers: IncomingHttpHeaders, { name: era }: Era): string[] {
  const flat: string[] = []
  for (const name of transported[era]) {
    const value = headers[name]
    if (typeof value === 'string') flat.push(name, value)
  }
  return flat
}

/** Where a stream is taken up again, in the server's own words. @throws RefusalError `request.invalid` */
function lastEvent(headers: IncomingHttpHeaders, scope: string, { eventIds }: McpSessions): string[] {
  const given = single(headers, 'last-event-id') ?? ''
  if (given === '') return []
  const id = eventIds.read(scope, given)
  if (id === undefined) throw fault('request.invalid', 'Last-Event-ID is of no stream of this session')
  return ['last-event-id', id]
}

/** @throws RefusalError `request.header_mismatch` for a value that policy has not seen among the arguments */
function parameterHeaders(headers: IncomingHttpHeaders, message: ClientMessage, era: Era): readonly string[] {
  if (era.name === 'legacy') return none
  let flat: string[] | undefined
  for (const name in headers) {
    const value = headers[name]
    if (!name.startsWith('mcp-param-') || typeof value !== 'string') continue
    const decoded = decodeHeader(value)
    if (decoded === undefined || message.kind === 'response' || !holds(message.params['arguments'], decoded)) throw fault('request.header_mismatch', 'An Mcp-Param header differs from the arguments')
    ;(flat ??= []).push(name, value)
  }
  return flat ?? none
}

/** Whether a scalar of these arguments is written so. */
function holds(value: Json | undefined, text: string): boolean {
  if (value === undefined || value === null) return false
  if (typeof value === 'object') return Object.values(value).some((item) => holds(item, text))
  return String(value) === text || (typeof value === 'number' && text.trim() !== '' && Number(text) === value)
}

const none: readonly string[] = []

/** The media type, whatever its case and parameters; a charset other than UTF-8 is another text. */
function isJsonType(value: string | undefined): boolean {
  const [type = '', ...parameters] = (value ?? '').toLowerCase().split(';')
  return type.trim() === 'application/json' && parameters.every((parameter) => !parameter.trim().startsWith('charset') || /^charset\s*=\s*"?utf-8"?$/.test(parameter.trim()))
}

function acceptsBoth(accept: string | undefined, era: Era): boolean {
  const value = accept?.toLowerCase() ?? ''
  if (era.name === 'legacy' && (value === '' || value.includes('*/*'))) return true
  return value.includes('application/json') && value.includes('text/event-stream')
}
