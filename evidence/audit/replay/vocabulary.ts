// Which words a report may print. What head's Rego computes may be anything that it read, and a pull request's report is read by many: so a
// rule id, column, group or number is told only if it is written, whole, in the source of one of the two versions.
import type { PolicyVersion } from './version.ts'

/** Stands for a word that no source has. */
export const computed = '(computed)'
const maxWord = 256
/** The gateway's own id for an engine that could not decide. */
const engineFailure = 'policy.error'

export interface Vocabulary {
  /** The word itself, or `(computed)`. */
  word(text: string): string
  has(text: string): boolean
}

export function createVocabulary(versions: readonly Pick<PolicyVersion, 'files' | 'engine'>[]): Vocabulary {
  // Of a bundle, its module's strings and its data are all there is.
  const texts = versions.flatMap(({ files, engine }) => files === undefined
    ? [Buffer.from(engine.bundle.wasm).toString('latin1'), engine.bundle.data]
    : [...files].filter(([name]) => !name.endsWith('.schema.json')).map(([, bytes]) => Buffer.from(bytes).toString('utf8')))
  const known = new Map<string, boolean>()
  const has = (text: string): boolean => {
    const before = known.get(text)
    if (before !== undefined) return before
    const found = text === '' || text === engineFailure || (text.length <= maxWord && (texts.some((source) => isWritten(source, text)) || isPermit(text, texts) || isClassRule(text, texts)))
    known.set(text, found)
    return found
  }
  return { has, word: (text) => has(text) ? text : computed }
}

/** `<package>.allow` is the library's own word for who allowed, put together from a package's name. */
function isPermit(text: string, texts: readonly string[]): boolean {
  const name = /^([a-z0-9_]+)\.allow$/.exec(text)?.[1]
  return name !== undefined && texts.some((source) => isWritten(source, `policies.${name}`) || isWritten(source, name))
}

/** `<id>.<class>`: a mask over several classes is a rule for each of them. */
function isClassRule(text: string, texts: readonly string[]): boolean {
  const dot = text.lastIndexOf('.')
  return dot > 0 && [text.slice(0, dot), text.slice(dot + 1).toUpperCase()].every((part) => texts.some((source) => isWritten(source, part)))
}

/** Standing by itself: `leads` is not written where only `dba-leads` is. */
function isWritten(source: string, text: string): boolean {
  for (let at = source.indexOf(text); at >= 0; at = source.indexOf(text, at + 1)) {
    if (!isPartOfWord(source.charCodeAt(at - 1)) && !isPartOfWord(source.charCodeAt(at + text.length))) return true
  }
  return false
}

/** Letters, digits and what joins them in names; past either end of the source there is nothing. */
function isPartOfWord(unit: number): boolean {
  return (unit >= 0x30 && unit <= 0x39) || (unit >= 0x41 && unit <= 0x5a) || (unit >= 0x61 && unit <= 0x7a) || unit === 0x5f || unit === 0x2e || unit === 0x2d || unit > 0x7f
}
