// Secrets: PEM private keys (RFC 7468), JWTs (RFC 7519), keys of clouds and forges by their published prefixes, credentials in
// URLs, and values that stand after a word like "password".
import type { Search } from '../finding.ts'

/** A private key longer than this is masked up to here and beyond, to the end of the text: no END line, no end. */
const PEM = /-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----/g
const PEM_END = '-----END '

export function findPrivateKeys(search: Search): void {
  const { text, found } = search
  PEM.lastIndex = 0
  for (let match = PEM.exec(text); match !== null; match = PEM.exec(text)) {
    const close = text.indexOf(PEM_END, PEM.lastIndex)
    const tail = close < 0 ? -1 : text.indexOf('-----', close + PEM_END.length)
    const end = tail < 0 ? text.length : tail + 5
    found.push({ start: match.index, end, class: 'SECRET' })
    PEM.lastIndex = end
  }
}

// The look-behind keeps a failed match from being tried again inside its own run, which would be quadratic.
// Lengths have upper bounds only where the issuer states one; a longer run of the same alphabet is taken whole.
const KEYS = /(?<![A-Za-z0-9])(?:(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Za-z0-9])|AIza[\w-]{35}(?![\w-])|ya29\.[\w-]{20,}|GOCSPX-[\w-]{28}|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{60,}|gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent)-[\w.-]{20,}|xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{10,}|npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])|pypi-[\w-]{50,}|[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|sk-(?:ant-|proj-)?[\w-]{32,}|hvs\.[\w-]{24,}|dop_v1_[a-f0-9]{64}|SG\.[\w-]{16,}\.[\w-]{32,}|(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*){1,3})/g
const AZURE = /(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40,}={0,2}|(?<![A-Za-z0-9])[\w~.-]{3}\dQ~[\w~.-]{31,34}(?![\w~-])|(?<=[?&]sig=)[A-Za-z0-9%+/]{40,}={0,2}/g
const BEARER = /\b(?:bearer|basic|token) [A-Za-z0-9._~+/-]{16,}={0,2}/gi
const URL_PASSWORD = /(?<=[a-z0-9+.-]:\/\/[^\s/:@]{1,64}:)[^\s/@]{1,128}(?=@)/gi

/** Tokens that their shape gives away; every one holds a run of 16 token characters or more. */
export function findTokens(search: Search): void {
  collect(search, KEYS)
  if (search.text.includes('=') || search.text.includes('Q~')) collect(search, AZURE)
  BEARER.lastIndex = 0
  for (let match = BEARER.exec(search.text); match !== null; match = BEARER.exec(search.text)) {
    search.found.push({ start: match.index + match[0].indexOf(' ') + 1, end: match.index + match[0].length, class: 'SECRET' })
  }
}

export function findUrlPasswords(search: Search): void {
  if (search.text.includes('://')) collect(search, URL_PASSWORD)
}

// The name, an optional quote, `=` or `:`, then the value up to a delimiter.
const NAMED = /(?:pass(?:word|wd|phrase)|pwd|secret(?:[\s_-]?(?:access)?[\s_-]?key)?|api[\s_-]?key|access[\s_-]?(?:key|token)|auth[\s_-]?token|refresh[\s_-]?token|client[\s_-]?secret|private[\s_-]?key|credential)["']?[ \t]{0,4}(?:=>|:=|[=:])[ \t]{0,4}["']?(?=[^\s"'])/gi
const VALUE = /[^\s"',;&<>}\])]{4,512}/y
const PLACEHOLDER = /^(?:\*+|x{3,}|\.{3,}|<.*|\$\{?.*|\{\{.*|null|none|nil|undefined|true|false|string|required|optional|changeme|redacted|hidden|masked|⟦.*|\[redacted.*|process\.env.*|os\.environ.*)$/i
const SECRET_HINT = /(?:^|_)(?:pass(?:word|wd|phrase|code)|pwd|secret|(?:api|access|secret|private|signing|encryption)_?key|(?:access|auth|refresh|id|bearer|api|session)_token|client_secret|(?:proxy_)?authorization|(?:set_)?cookie|credentials?|secret_access_key|connection_string)$/

export function findNamedSecrets(search: Search): void {
  const { text, found } = search
  NAMED.lastIndex = 0
  for (let match = NAMED.exec(text); match !== null; match = NAMED.exec(text)) {
    VALUE.lastIndex = NAMED.lastIndex
    const value = VALUE.exec(text)
    if (value !== null && !PLACEHOLDER.test(value[0])) found.push({ start: value.index, end: value.index + value[0].length, class: 'SECRET' })
  }
}

/** A member named `password` holds one, whatever it looks like. */
export function findHintedSecret(search: Search): void {
  const { text, hint, found } = search
  if (text.length >= 4 && SECRET_HINT.test(hint) && !PLACEHOLDER.test(text)) found.push({ start: 0, end: text.length, class: 'SECRET' })
}

function collect(search: Search, pattern: RegExp): void {
  pattern.lastIndex = 0
  for (let match = pattern.exec(search.text); match !== null; match = pattern.exec(search.text)) {
    if (isToken(match[0])) search.found.push({ start: match.index, end: match.index + match[0].length, class: 'SECRET' })
  }
}

/** A JWT's header is JSON that names an algorithm; other shapes were checked by their pattern. */
function isToken(value: string): boolean {
  if (!value.startsWith('eyJ')) return true
  return Buffer.from(value.slice(0, value.indexOf('.')).slice(0, 1024), 'base64url').toString('latin1').includes('"alg"')
}
