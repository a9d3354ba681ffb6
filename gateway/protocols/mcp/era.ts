// Which protocol era a message belongs to, and the transport's own rules: Streamable HTTP of 2025-03-26 … 2025-11-25 (sessions)
// and of 2026-07-28 (stateless, headers that mirror the body).
import type { IncomingHttpHeaders } from 'node:http'
import { fault, isObject, type ClientMessage, type JsonObject } from './messages.ts'

export const modernVersion = '2026-07-28'
export const legacyVersions = ['2025-11-25', '2025-06-18', '2025-03-26'] as const
/** What a client without the header speaks (2025-11-25, transports, "Protocol Version Header"). */
const assumedVersion = '2025-03-26'
/** A few older clients still name it in the header after negotiating down. */
const oldestVersion = '2024-11-05'

export type Era = { readonly name: 'legacy'; readonly version: string } | { readonly name: 'modern'; readonly version: string }

export const versionKey = 'io.modelcontextprotocol/protocolVersion'
const capabilitiesKey = 'io.modelcontextprotocol/clientCapabilities'

/** @throws RefusalError `request.*` when headers and body disagree or a version is not ours */
export function eraOf(message: ClientMessage, headers: IncomingHttpHeaders): Era {
  const header = single(headers, 'mcp-protocol-version')
  const meta = message.kind === 'response' ? undefined : message.params['_meta']
  const version = isObject(meta) ? meta[versionKey] : undefined
  if (version === undefined && header !== modernVersion && !isLater(header)) return { name: 'legacy', version: legacyVersion(header) }
  return modernEra(message, headers, header, isObject(meta) ? meta : {}, version)
}

/** GET and DELETE have no body: they exist in the legacy eras only. */
export function legacyVersion(header: string | undefined): string {
  if (header === undefined) return assumedVersion
  if (header !== oldestVersion && !legacyVersions.some((version) => version === header)) throw fault('request.invalid', 'MCP-Protocol-Version is not supported')
  return header
}

/** A version that is not known yet is answered in modern words, so that its client does not take us for a legacy server. */
function isLater(header: string | undefined): boolean {
  return header !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(header) && header > modernVersion
}

function modernEra(message: ClientMessage, headers: IncomingHttpHeaders, header: string | undefined, meta: JsonObject, version: unknown): Era {
  if (message.kind === 'response') throw fault('request.invalid', 'A response cannot be sent in this protocol version')
  if (version === undefined) throw fault('request.params', `_meta["${versionKey}"] is missing`)
  if (header === undefined) throw fault('request.header_mismatch', 'The MCP-Protocol-Version header is missing')
  if (version !== header) throw fault('request.header_mismatch', 'MCP-Protocol-Version differs from the message')
  if (header !== modernVersion) throw fault('request.unsupported_version', 'The protocol version is not supported')
  if (message.kind === 'request' && !isObject(meta[capabilitiesKey])) throw fault('request.params', `_meta["${capabilitiesKey}"] is missing`)
  mirrored(headers, 'mcp-method', message.method, 'Mcp-Method')
  const name = mirroredName(message.method, message.params)
  if (name !== undefined) mirrored(headers, 'mcp-name', name, 'Mcp-Name')
  return { name: 'modern', version: modernVersion }
}

/** The member that `Mcp-Name` repeats (2026-07-28, streamable-http, "Standard Headers"). */
function mirroredName(method: string, params: JsonObject): string | undefined {
  const member = namedBy.get(method)
  const name = member === undefined ? undefined : params[member]
  return typeof name === 'string' ? name : undefined
}

/** A method that the era does not have is answered as unknown, whatever its headers say. */
const namedBy: ReadonlyMap<string, string> = new Map([
  ['tools/call', 'name'], ['prompts/get', 'name'], ['resources/read', 'uri'], ['tasks/get', 'taskId'], ['tasks/update', 'taskId'], ['tasks/cancel', 'taskId'],
])

/** @throws RefusalError `request.header_mismatch`: a router before us may have acted on the header, the upstream will act on the body */
function mirrored(headers: IncomingHttpHeaders, header: string, expected: string, spelling: string): void {
  const value = single(headers, header)
  if (value === undefined) throw fault('request.header_mismatch', `The ${spelling} header is missing`)
  if (decodeHeader(value) !== expected) throw fault('request.header_mismatch', `${spelling} differs from the message`)
}

const sentinel = '=?base64?'

/** Values that cannot stand in a header travel as `=?base64?…?=`, case-sensitive. */
export function decodeHeader(value: string): string | undefined {
  if (!value.startsWith(sentinel) || !value.endsWith('?=')) return /[^\x20-\x7e\t]/.test(value) ? undefined : value
  const encoded = value.slice(sentinel.length, -2)
  const bytes = Buffer.from(encoded, 'base64')
  return bytes.toString('base64') === encoded ? bytes.toString('utf8') : undefined
}

export function single(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}
