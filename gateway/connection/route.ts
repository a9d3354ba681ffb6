// Where a request goes: its path's prefix names the target. A path that two readers could understand differently goes nowhere.
import type { TargetName } from '../call.ts'
import { refusal, type Refusal } from '../refusal.ts'
import { maxPathLength } from './limits.ts'

export interface Route { readonly target: TargetName; readonly path: string }

export interface RouterOptions {
  readonly targets: readonly { readonly name: TargetName; readonly prefix: string }[]
  /** `host[:port]` values that a Host header, or the authority of an Origin, may have. */
  readonly hosts: ReadonlySet<string>
}

/** Routes one request by its raw path. The answer's `path` is what follows the prefix: empty, or starting with `/` or `?`. */
export type Router = (url: string, host: string | undefined, origin: string | undefined) => Route | Refusal

export function createRouter(options: RouterOptions): Router {
  const targets = options.targets.toSorted((a, b) => b.prefix.length - a.prefix.length)
  return (url, host, origin) => {
    // DNS rebinding: a browser on a hostile page carries the victim's address, but not our name (MCP transports §2.0.1).
    if (host === undefined || !options.hosts.has(host.toLowerCase())) return refusal('request.origin', 'The Host header does not name this gateway')
    if (origin !== undefined && !isAllowedOrigin(origin, options.hosts)) return refusal('request.origin', 'The Origin header is not allowed')
    const fault = pathFault(url)
    if (fault !== undefined) return refusal('request.malformed', fault)
    for (const { name, prefix } of targets) {
      if (!url.startsWith(prefix)) continue
      const next = url.charCodeAt(prefix.length)
      if (prefix === '/' ) return { target: name, path: url }
      if (Number.isNaN(next) || next === 0x2f || next === 0x3f) return { target: name, path: url.slice(prefix.length) }
    }
    return refusal('request.unknown_target')
  }
}

function isAllowedOrigin(origin: string, hosts: ReadonlySet<string>): boolean {
  const separator = origin.indexOf('://')
  const scheme = origin.slice(0, separator)
  return (scheme === 'https' || scheme === 'http') && hosts.has(origin.slice(separator + 3).toLowerCase())
}

/**
 * Why a path is ambiguous, or undefined. Dot segments, encoded separators, encoded dots, empty segments and
 * backslashes are spelled differently by different servers (RFC 3986 §6.2.2), so a rule about one spelling is none.
 * A `;` ends the segment for some servers and is part of it for others (RFC 3986 §3.3, matrix parameters).
 */
function pathFault(url: string): string | undefined {
  if (url.length > maxPathLength) return 'The path is too long'
  if (url.charCodeAt(0) !== 0x2f) return 'The request target must be a path'
  const query = url.indexOf('?')
  const path = query === -1 ? url : url.slice(0, query)
  // Some servers end the target at `#`, some take `;` for `&` (HTML 4.01 §B.2.2): to them the query says something else.
  if (query !== -1 && /[;#]/.test(url.slice(query))) return 'The query holds a character that must be percent-encoded'
  let start = 1
  for (let at = 0; at <= path.length; at++) {
    const unit = path.charCodeAt(at)
    if (unit === 0x25) {
      const fault = escapeFault(path, at)
      if (fault !== undefined) return fault
    } else if (unit <= 0x20 || unit >= 0x7f || unit === 0x5c || unit === 0x23 || unit === 0x3b) {
      return 'The path holds a character that must be percent-encoded'
    } else if ((unit === 0x2f && at > 0) || at === path.length) {
      const length = at - start
      if (length === 0 && at !== path.length) return 'The path holds an empty segment'
      if ((length === 1 && path[start] === '.') || (length === 2 && path.startsWith('..', start))) return 'The path holds a dot segment'
      start = at + 1
    }
  }
  return undefined
}

function escapeFault(path: string, at: number): string | undefined {
  const byte = Number.parseInt(path.slice(at + 1, at + 3), 16)
  if (!/^[0-9a-f]{2}$/i.test(path.slice(at + 1, at + 3))) return 'The path holds a broken percent-encoding'
  if (byte === 0x2f || byte === 0x5c) return 'The path holds an encoded separator'
  if (byte === 0x2e) return 'The path holds an encoded dot'
  if (byte === 0x3b) return 'The path holds an encoded semicolon'
  if (byte < 0x20 || byte === 0x7f) return 'The path holds an encoded control character'
  return undefined
}
