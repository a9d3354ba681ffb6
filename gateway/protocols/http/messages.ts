// HTTP requests as operations (RFC 9110): parsed once, and the same bytes that were parsed are what goes upstream.
import type { IncomingHttpHeaders } from 'node:http'
import type { Json, Operation, TargetName } from '../../call.ts'
import type { CatalogueEntry, TargetConfig } from '../../config.ts'
import { JsonError, parseJson } from '../../mask/index.ts'
import { refusal, RefusalError, type RefusalCode } from '../../refusal.ts'
import { readTicket, ticketHeader } from '../../ticket.ts'
import { isNearMiss, matchRoute, type Routes } from './routes.ts'

/** Query and form fields of one request. */
const maxFields = 1000
/** Rails, Laravel, Symfony, Express and WordPress take its value for the method. */
const methodField = '_method'

/** What goes upstream. */
export interface HttpMessage {
  readonly method: string
  /** Path and query as the caller spelled them. */
  readonly path: string
  /** Flat list of names and values: only these, whatever the caller sent. */
  readonly headers: readonly string[]
  readonly body: Uint8Array | null
}

export interface HttpOperation extends Operation {
  readonly message: HttpMessage
  readonly entry: CatalogueEntry | undefined
}

/**
 * Caller's headers that reach the upstream. A list of what may pass, because a header policy does not see could change
 * what the request means (method overrides, forwarded identities) or make it another one than was approved.
 */
const forwarded = ['content-type', 'accept', 'accept-language', 'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'idempotency-key', 'prefer'] as const
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
const bodiless = new Set(['GET', 'HEAD'])

export interface HttpHead {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
}

/** What the head alone says: enough to decide on bytes that nobody will parse. */
interface ParsedHead {
  readonly key: string
  readonly entry: CatalogueEntry | undefined
  readonly path: string
  readonly parameters: Readonly<Record<string, string>>
  readonly query: { readonly [name: string]: Json }
}

/** @throws RefusalError `request.*` */
export function parseHead(head: HttpHead, target: TargetConfig, routes: Routes): ParsedHead {
  if (!methods.has(head.method)) throw fault('request.not_allowed', 'The HTTP method is not supported')
  const mark = head.path.indexOf('?')
  const segments = decodePath(mark === -1 ? head.path : head.path.slice(0, mark))
  const path = ['', ...segments].join('/')
  const route = matchRoute(routes, head.method, segments)
  if (route === undefined && isNearMiss(routes, head.method, segments)) throw fault('request.malformed', 'The path is spelled like a declared route, but not quite')
  // An undeclared route is known by its method alone: its path may hold anybody's number, and a resource's name is recorded as it is.
  const key = route?.key ?? `${head.method} *`
  const entry = Object.hasOwn(target.catalogue, key) ? target.catalogue[key] : undefined
  return {
    key, path, entry,
    parameters: route?.parameters ?? {},
    query: mark === -1 ? {} : parseFields(head.path.slice(mark + 1), head.method, entry?.repeats),
  }
}

/**
 * One request whose body is here, whole. A body that cannot be read on a declared route is refused unless the route is declared
 * opaque: a rule about an amount must not fall silent because the caller named another type.
 * @throws RefusalError `request.*`
 */
export function parseRequest(head: HttpHead, parsed: ParsedHead, body: Uint8Array, target: TargetConfig): HttpOperation {
  if (body.length === 0) return operationOf(head, parsed, target, null, undefined, false)
  if (bodiless.has(head.method)) throw fault('request.invalid', 'A GET or HEAD request has no body')
  if (head.headers['content-encoding'] !== undefined && head.headers['content-encoding'] !== 'identity') throw fault('request.media_type', 'An encoded request body cannot be read')
  const { type, charset } = mediaType(head.headers['content-type'])
  if (charset !== 'utf-8' && charset !== 'us-ascii') throw fault('request.media_type', 'The request body must be UTF-8')
  const kind = type === 'application/json' || type.endsWith('+json') ? 'json' : type === 'application/x-www-form-urlencoded' ? 'form' : type.startsWith('text/') ? 'text' : undefined
  // Many servers read JSON or a form under any type; a rule about a member is silent on a string.
  if (parsed.entry !== undefined && kind !== (parsed.entry.body ?? 'json')) throw fault('request.media_type', 'The request body is not of the type that the route declares')
  if (kind === 'json') return operationOf(head, parsed, target, body, readJson(body, target), false)
  if (kind === 'form') return operationOf(head, parsed, target, body, parseFields(readText(body), head.method, parsed.entry?.repeats), false)
  if (kind === 'text') return operationOf(head, parsed, target, body, readText(body), false)
  return operationOf(head, parsed, target, body, undefined, true)
}

/** One request whose body, if any, passes unread: an upload over the cap, a route declared opaque, an upgrade. @throws RefusalError `request.too_large` */
export function opaqueRequest(head: HttpHead, parsed: ParsedHead, target: TargetConfig): HttpOperation {
  if (parsed.entry !== undefined && parsed.entry.isOpaque !== true) throw fault('request.too_large', 'The request body is longer than is read here')
  const { headers } = head
  const hasBody = headers['transfer-encoding'] !== undefined || headers.upgrade !== undefined || Number(headers['content-length'] ?? 0) > 0
  return { ...operationOf(head, parsed, target, null, undefined, true), isUnread: hasBody }
}

function operationOf(head: HttpHead, parsed: ParsedHead, target: TargetConfig, body: Uint8Array | null, content: Json | undefined, isOpaque: boolean): HttpOperation {
  const headers: string[] = []
  const shown: { [name: string]: Json } = {}
  for (const name of forwarded) {
    const value = head.headers[name]
    if (typeof value !== 'string') continue
    headers.push(name, value)
    shown[name] = value
  }
  const effects = [...parsed.entry?.effects ?? undeclared]   // a frozen array makes V8 write JSON at a third of the speed
  const request: { [name: string]: Json } = { protocol: 'http', method: head.method, path: parsed.path, params: parsed.parameters, query: parsed.query, headers: shown, bytes: body?.length ?? 0 }
  if (content !== undefined) request['body'] = content
  // A body that no rule can see: policy may want none of it.
  if (isOpaque) request['unread'] = true
  const ticket = readTicket(head.headers[ticketHeader], ticketHeader)
  return {
    action: { name: `http.${head.method.toLowerCase()}`, properties: { effects } },
    resource: { type: 'route', id: [target.name, parsed.key].join('/'), properties: { target: target.name, env: target.env, labels: [...target.labels, ...parsed.entry?.labels ?? []] } },
    catalogueKey: parsed.key,
    request,
    slots: content === undefined ? slots : slotsWithBody,
    isOpaque,
    ...ticket === undefined ? {} : { ticket },
    entry: parsed.entry,
    message: { method: head.method, path: head.path, headers, body },
    canonical: () => canonicalRequest(target.name, head.method, head.path, headers, body, ticket),
  }
}

const undeclared = ['write'] as const
const none: readonly string[] = []
const slots = [{ path: '/path' }, { path: '/params' }, { path: '/query' }, { path: '/headers' }] as const
const slotsWithBody = [...slots, { path: '/body' }] as const

/** Length-prefixed, so that no two requests have the same bytes. What was approved for one change is not approved for another. */
function canonicalRequest(target: TargetName, method: string, path: string, headers: readonly string[], body: Uint8Array | null, ticket: string | undefined): Uint8Array {
  const head = Buffer.from(JSON.stringify([target, method, path, headers, body === null ? -1 : body.length, ...ticket === undefined ? [] : [ticket]]))
  return body === null ? head : Buffer.concat([head, body])
}

/** Decoded once, segment by segment. `connection/` has refused encoded separators, dots and controls; what is still encoded then would be another path to servers that decode twice. */
function decodePath(path: string): string[] {
  if (path === '' || path === '/') return []
  const segments = path.slice(1).split('/')
  if (!path.includes('%')) return segments
  const decoded = segments.map((segment) => decode(segment, 'The path is not UTF-8'))
  if (decoded.some((segment) => /%[0-9a-f]{2}/i.test(segment))) throw fault('request.malformed', 'The path is encoded twice')
  return decoded
}

/**
 * `a=1&b=2` as an object of strings. Servers differ on which of two values counts, and a rule about one is silent on an array: a name
 * comes once, whatever its case, blanks around it or brackets behind it, unless the catalogue says that it `repeats`, and then it is an array
 * however often it comes.
 */
function parseFields(text: string, method: string, repeats: readonly string[] = none): { [name: string]: Json } {
  const fields: { [name: string]: Json } = {}
  if (text === '') return fields
  const pairs = text.split('&', maxFields + 1)
  if (pairs.length > maxFields) throw fault('request.too_large', 'The request has too many fields')
  /** As they were spelled, by how lenient readers fold them. */
  const seen = new Map<string, string>()
  const parents = new Set<string>()
  for (const pair of pairs) {
    const equals = pair.indexOf('=')
    const name = decodeField(equals === -1 ? pair : pair.slice(0, equals))
    const value = equals === -1 ? '' : decodeField(pair.slice(equals + 1))
    if (name === '__proto__') throw fault('request.invalid', 'The request holds a field name that is not allowed')
    const isList = repeats.includes(name)
    // To PHP, Rails and qs `a[]` and `a[0]` are members of `a`.
    const folded = name.toLowerCase().trim()
    const bracket = folded.indexOf('[', 1)
    const before = seen.get(folded)
    if ((before !== undefined && (before !== name || !isList)) || (bracket === -1 ? parents.has(folded) : seen.has(folded.slice(0, bracket)))) throw fault('request.invalid', 'A field is given twice, and the route does not declare that it repeats')
    if (folded === methodField && value.toUpperCase() !== method) throw fault('request.invalid', 'A field asks for another HTTP method')
    const list = before === undefined ? [] : fields[name]
    if (isList && Array.isArray(list)) list.push(value)
    fields[name] = isList && list !== undefined ? list : value
    seen.set(folded, name)
    if (bracket !== -1) parents.add(folded.slice(0, bracket))
  }
  return fields
}

function decodeField(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  return spaced.includes('%') ? decode(spaced, 'A field is not UTF-8') : spaced
}

function decode(text: string, message: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw fault('request.malformed', message)
  }
}

/** RFC 9110 §8.3.1, case-insensitive; no charset means UTF-8 here. */
export function mediaType(value: string | string[] | undefined): { readonly type: string; readonly charset: string } {
  if (typeof value !== 'string') return { type: '', charset: 'utf-8' }
  const semicolon = value.indexOf(';')
  if (semicolon === -1) return { type: value.trim().toLowerCase(), charset: 'utf-8' }
  const parameters = value.slice(semicolon)
  const [charset, second] = parameters.matchAll(/;\s*charset\s*=\s*"?([^\s;"]{1,40})"?/gi)
  // Two charsets are two texts, and so is one that is written as only some readers know it: which of them another reader takes is not known.
  const isOdd = second !== undefined || [...parameters.matchAll(/charset/gi)].length !== (charset === undefined ? 0 : 1)
  return { type: value.slice(0, semicolon).trim().toLowerCase(), charset: isOdd ? 'unknown' : charset?.[1]?.toLowerCase() ?? 'utf-8' }
}

function readJson(body: Uint8Array, target: TargetConfig): Json {
  try {
    return parseJson(body, { maxBytes: target.limits.maxBodyBytes, maxDepth: target.limits.maxDepth, inexact: 'refuse' })
  } catch (error) {
    if (error instanceof JsonError) throw fault(error.fault === 'too_large' ? 'request.too_large' : 'request.malformed', error.message)
    throw error
  }
}

function readText(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch {
    throw fault('request.malformed', 'The request body is not UTF-8')
  }
}

function fault(code: RefusalCode, message: string): RefusalError {
  return new RefusalError(refusal(code, message))
}
