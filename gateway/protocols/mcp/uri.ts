// The URI of a resource, which servers look up by its text, by what WHATWG's parser makes of it (the official SDK) or with its escapes undone:
// a rule, a declared mask and a server must mean one resource by it (RFC 3986 §6.2.2).
import type { CatalogueEntry } from '../../config.ts'

type Catalogue = Readonly<Record<string, CatalogueEntry>>

/** Owned here: one entry per catalogue in force, gone with it. */
const plainKeys = new WeakMap<Catalogue, ReadonlyMap<string, string>>()

/**
 * Whether some servers read another URI than is written: dot segments, blanks and line ends that fall away, a scheme or host in another case,
 * escapes that stand for themselves. Escapes that are only due are not counted: many write a space or a letter as it is.
 */
export function isFolded(uri: string): boolean {
  if (/[\u0000-\u001f\u007f]|^\s|\s$|%(?:2[de]|3\d|4[1-9a-f]|5[0-9a]|5f|6[1-9a-f]|7[0-9a])/i.test(uri)) return true
  if (!URL.canParse(uri)) return false
  const rooted = uri.replace(/^((?:https?|wss?|ftp):\/\/[^/?#\\]*)(?=[?#]|$)/, '$1/')
  return plain(new URL(uri).href) !== plain(rooted)
}

/** The catalogue's own spelling of it, if it has one. */
export function declaredUri(catalogue: Catalogue, uri: string): string | undefined {
  if (Object.hasOwn(catalogue, uri)) return uri
  let keys = plainKeys.get(catalogue)
  if (keys === undefined) plainKeys.set(catalogue, keys = new Map(Object.keys(catalogue).map((key) => [plain(key), key])))
  return keys.get(plain(uri))
}

/** With its escapes undone; bytes that are no UTF-8 stay as they are written. */
function plain(uri: string): string {
  return uri.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) => {
    try { return decodeURIComponent(escapes) } catch { return escapes.toLowerCase() }
  })
}
