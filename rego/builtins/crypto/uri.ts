// URIs in certificates as Go's url.URL prints them, for those without user information, escapes, brackets or what Go would escape. A certificate that has
// another is not read at all.

export interface Uri {
  readonly Scheme: string
  readonly Opaque: string
  readonly Host: string
  readonly Path: string
  readonly RawQuery: string
  readonly Fragment: string
  readonly ForceQuery: boolean
  readonly text: string
}

/** Characters of one URI. */
const maxLength = 4_096

/** `undefined` for what Go refuses, and for what is not ported. */
export function parseUri(text: string): Uri | undefined {
  if (text.length > maxLength || !/^[A-Za-z0-9\-._~$&+,;=:/?#@]*$/.test(text)) return undefined
  const [, scheme = '', rest = '', query, fragment] = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?([^?#]*)(\?[^#]*)?(#.*)?$/.exec(text) ?? []
  if (rest.startsWith(':') || (fragment ?? '').slice(1).includes('#')) return undefined
  const parts = { Scheme: scheme.toLowerCase(), RawQuery: (query ?? '').slice(1), Fragment: (fragment ?? '').slice(1), ForceQuery: query === '?', text: (scheme === '' ? text : scheme.toLowerCase() + text.slice(scheme.length)).replace(/#$/, '') }
  if (!rest.startsWith('/')) {
    if (scheme !== '') return { ...parts, Opaque: rest, Host: '', Path: '' }
    // A colon in the first segment would make a scheme of it.
    return rest.split('/')[0]?.includes(':') ? undefined : { ...parts, Opaque: '', Host: '', Path: rest }
  }
  if (rest.startsWith('//') && (scheme !== '' || !rest.startsWith('///'))) {
    const slash = rest.indexOf('/', 2)
    const host = slash < 0 ? rest.slice(2) : rest.slice(2, slash)
    if (!/^[^:@]*(?::[0-9]*)?$/.test(host)) return undefined
    return { ...parts, Opaque: '', Host: host, Path: slash < 0 ? '' : rest.slice(slash) }
  }
  return { ...parts, Opaque: '', Host: '', Path: rest }
}
