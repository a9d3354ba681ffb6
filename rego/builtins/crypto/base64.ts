// Base64 as Go's encoding/base64 decodes it: line breaks are skipped, padding must be right, unused bits of the last character are
// not looked at.

export type Alphabet = 'standard' | 'url'
export type Padding = 'padded' | 'raw'

/** `undefined` for any other character or length. Linear. */
export function decodeBase64(text: string, alphabet: Alphabet, padding: Padding): Uint8Array | undefined {
  const characters = text.replace(/[\r\n]/g, '')
  const body = padding === 'padded' ? characters.replace(/={1,2}$/, '') : characters
  if (!(alphabet === 'standard' ? /^[A-Za-z0-9+/]*$/ : /^[A-Za-z0-9_-]*$/).test(body)) return undefined
  if (body.length % 4 === 1 || (padding === 'padded' && characters.length % 4 !== 0)) return undefined
  return Buffer.from(body, alphabet === 'standard' ? 'base64' : 'base64url')
}

/** OPA's `base64url.decode`: padding may be left out altogether. */
export function decodeBase64Url(text: string): Uint8Array | undefined {
  const missing = text.endsWith('=') ? 0 : (4 - text.length % 4) % 4
  return missing === 3 ? undefined : decodeBase64(text + '='.repeat(missing), 'url', 'padded')
}
