// `uri.parse` and `uri.is_valid`: what Go's `url.Parse` (1.26) makes of a text, which is looser than RFC 3986 and stricter than browsers.
import { parseAddress } from './net/address.ts'
import { ofTexts } from './operand.ts'
import type { Family } from './operand.ts'
import { unescape } from './query.ts'

export const uri: Family = [
  ['uri.parse', ofTexts(text => {
    const parts = parseUri(text)
    return parts && { object: Object.entries(parts).filter(([, part]) => part !== '') }
  })],
  // An empty text is a reference too, but nobody who asks means that.
  ['uri.is_valid', text => typeof text === 'string' && text !== '' && parseUri(text) !== undefined],
]

interface Uri { scheme: string; hostname: string; port: string; path: string; raw_path: string; raw_query: string; fragment: string }

function parseUri(text: string): Uri | undefined {
  const [before, hash] = cut(text, '#')
  if (/[\x00-\x1f\x7f]/.test(before)) return undefined
  const fragment = unescape(hash)
  if (fragment === undefined) return undefined
  const uri: Uri = { scheme: '', hostname: '', port: '', path: '', raw_path: '', raw_query: '', fragment }
  if (before === '*') return { ...uri, path: '*', raw_path: '*' }
  if (before.startsWith(':')) return undefined
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(before)?.[1] ?? ''
  uri.scheme = scheme.toLowerCase()
  const [hierarchy, rawQuery] = cut(scheme === '' ? before : before.slice(scheme.length + 1), '?')
  uri.raw_query = rawQuery
  let path = hierarchy
  if (!path.startsWith('/')) {
    // Opaque: mailto:, urn:.
    if (scheme !== '') return uri
    if (cut(path, '/')[0].includes(':')) return undefined
  }
  if (path.startsWith('//') && (scheme !== '' || !path.startsWith('///'))) {
    const authority = cut(path.slice(2), '/')[0]
    path = path.slice(2 + authority.length)
    const host = parseAuthority(uri.scheme, authority)
    if (host === undefined) return undefined
    Object.assign(uri, splitHost(host))
  }
  const unescaped = unescape(path)
  if (unescaped === undefined) return undefined
  // Go keeps the text of a path where it would write another one itself.
  return { ...uri, path: unescaped, raw_path: path === escapePath(unescaped) ? unescaped : path }
}

function cut(text: string, mark: string): readonly [string, string] {
  const at = text.indexOf(mark)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

function parseAuthority(scheme: string, authority: string): string | undefined {
  const at = authority.lastIndexOf('@')
  const user = authority.slice(0, Math.max(at, 0))
  if (!/^[A-Za-z0-9._:~!$&'()*+,;=%@-]*$/.test(user) || unescape(user) === undefined) return undefined
  return parseHost(scheme, authority.slice(at + 1))
}

const optionalPort = /^(?::[0-9]*)?$/

function parseHost(scheme: string, host: string): string | undefined {
  const bracket = host.lastIndexOf('[')
  if (bracket > 0) return undefined
  if (bracket === 0) return parseLiteral(host)
  const first = host.indexOf(':')
  // Some databases take a list of hosts with ports; Go bears that outside the web's own schemes.
  const colon = scheme === 'http' || scheme === 'https' ? first : host.lastIndexOf(':')
  if (first >= 0 && !optionalPort.test(host.slice(colon))) return undefined
  return unescapeHost(host)
}

// RFC 6874: `%25` brings in the zone.
function parseLiteral(host: string): string | undefined {
  const end = host.lastIndexOf(']')
  if (end < 0 || !optionalPort.test(host.slice(end + 1))) return undefined
  const literal = host.slice(1, end)
  const zoneAt = literal.indexOf('%25')
  const name = unescapeHost(zoneAt < 0 ? literal : literal.slice(0, zoneAt))
  const zone = zoneAt < 0 ? '' : unescapeZone(literal.slice(zoneAt))
  if (name === undefined || zone === undefined) return undefined
  const [address, ...zones] = `${name}${zone}`.split('%')
  if (zones.length > 0 && zones.join('%') === '') return undefined
  if (address === undefined || !address.includes(':') || parseAddress(address) === undefined) return undefined
  return `[${name}${zone}]${host.slice(end + 1)}`
}

// Only bytes outside ASCII may be escaped in a host.
function unescapeHost(text: string): string | undefined {
  if (/[\x00-\x7f]/.test(text.replace(/[A-Za-z0-9!$&'()*+,;=:[\]<>"._~%-]/g, ''))) return undefined
  if (/%(?!25)[0-7]/.test(text)) return undefined
  return unescape(text)
}

function unescapeZone(text: string): string | undefined {
  if (/[\x00-\x7f]/.test(text.replace(/[A-Za-z0-9!$&'()*+,;=:[\]<>"._~%-]/g, ''))) return undefined
  for (const [escape] of text.matchAll(/%[0-9a-fA-F]{2}/g)) {
    const character = String.fromCharCode(parseInt(escape.slice(1), 16))
    if (escape !== '%25' && !/[A-Za-z0-9!$&'()*+,;=:[\]<>"._~ -]/.test(character)) return undefined
  }
  return unescape(text)
}

function splitHost(host: string): { readonly hostname: string; readonly port: string } {
  const colon = host.lastIndexOf(':')
  const hasPort = colon >= 0 && optionalPort.test(host.slice(colon))
  const name = hasPort ? host.slice(0, colon) : host
  return { hostname: name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name, port: hasPort ? host.slice(colon + 1) : '' }
}

function escapePath(text: string): string {
  let escaped = ''
  for (const byte of Buffer.from(text)) {
    const character = String.fromCharCode(byte)
    escaped += /[A-Za-z0-9._~$&+,/:;=@-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return escaped
}
