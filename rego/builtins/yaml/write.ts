// A value as YAML, laid out as go.yaml.in/yaml/v3 does with an indent of two: blocks, names in their natural order, text plain where it
// reads back as text. Names that Go would write on lines of their own leave the call undefined.
import { formatFloat } from '../float.ts'
import { compareTexts } from '../text.ts'
import { daysIn } from '../time/civil.ts'
import type { Value } from '../value.ts'
import { NoYaml, resolveScalar } from './scalar.ts'

/** Of the text. */
const maxTextLength = 1_048_576
/** Characters of a name that still stands on the line of its value. */
const maxNameLength = 128

/** @throws NoYaml */
export function writeYaml(value: Value): string {
  const text = `${block(value, 0, false)}\n`.replace(/^\n/, '')
  if (text.length > maxTextLength) throw new NoYaml()
  return text
}

// What follows `name:` or `- `: on the same line, or on lines of its own.
function block(value: Value, indent: number, isInSequence: boolean): string {
  if (typeof value === 'object' && value !== null && 'array' in value && value.array.length > 0) {
    return lines(value.array.map(item => `- ${block(item, indent + 2, true)}`), indent, isInSequence)
  }
  if (typeof value === 'object' && value !== null && 'object' in value && value.object.length > 0) {
    const members = [...value.object].sort(([a], [b]) => compareNames(String(a), String(b)))
    return lines(members.map(([name, member]) => {
      const inner = block(member, indent + 2, false)
      return `${nameText(String(name))}:${inner.startsWith('\n') ? '' : ' '}${inner}`
    }), indent, isInSequence)
  }
  return scalarText(value, indent)
}

function lines(all: readonly string[], indent: number, isInSequence: boolean): string {
  const pad = `\n${' '.repeat(indent)}`
  return (isInSequence ? '' : pad) + all.join(pad)
}

function nameText(name: string): string {
  if (name.includes('\n') || name.length > maxNameLength) throw new NoYaml()
  return textOf(name)
}

function scalarText(value: Value, indent: number): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return value.includes('\n') ? literal(value, indent) : textOf(value)
  if ('array' in value) return '[]'
  if ('object' in value) return '{}'
  if (!('number' in value)) throw new NoYaml()
  // Through JSON, which go-yaml reads as YAML: what fits in 64 bits stays an integer.
  const { tag, value: read } = resolveScalar(value.number)
  // Too large for a float, it is text on its way.
  if (tag === 'str') return textOf(value.number)
  const text = typeof read === 'object' && read !== null && 'number' in read ? read.number : value.number
  return tag === 'int' ? text : formatFloat(Number(text), 'g', undefined)
}

// Breaks of lines to YAML 1.1, and to nobody else.
const otherBreaks = /[\x85\u2028\u2029]/
// What Go escapes: also every character beyond the basic plane.
const unprintable = /[^\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]/u

function textOf(text: string): string {
  if (otherBreaks.test(text)) throw new NoYaml()
  if (isText(text) && canBePlain(text)) return text
  if (isText(text) && !unprintable.test(text)) return `'${text.replaceAll("'", "''")}'`
  return doubleQuoted(text)
}

// Other readers of YAML take these for booleans and times of day.
const old = /^(?:[yY]|[yY]es|YES|[oO]n|ON|[nN]|[nN]o|NO|[oO]ff|OFF)$|^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/

function isText(text: string): boolean {
  if (old.test(text) || /^[+-]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$/.test(text)) return false
  // A date must be quoted, or it would be one.
  return !isDate(text) && resolveScalar(text).tag === 'str'
}

const date = /^(?<year>[0-9]{4})-(?<month>[0-9]{1,2})-(?<day>[0-9]{1,2})(?:(?:[Tt](?=.*(?:Z|[+-][0-9]{2}:[0-9]{2})$)| (?!.*[Z+-]))(?<hour>[0-9]{1,2}):(?<minute>[0-9]{1,2}):(?<second>[0-9]{1,2})(?:[.,][0-9]+)?(?:Z|[+-](?<eastHours>[0-9]{2}):(?<eastMinutes>[0-9]{2}))?)?$/

function isDate(text: string): boolean {
  const fields = date.exec(text)?.groups
  if (!fields) return false
  const field = (name: string) => Number(fields[name] ?? 0)
  const [month, day] = [field('month'), field('day')]
  return month >= 1 && month <= 12 && day >= 1 && day <= daysIn(field('year'), month) && field('hour') < 24 && field('minute') < 60 && field('second') < 60 && field('eastHours') <= 24 && field('eastMinutes') <= 60
}

function canBePlain(text: string): boolean {
  if (text === '' || /^ | $/.test(text) || /^(?:---|\.\.\.)/.test(text)) return false
  if (/^[#,[\]{}&*!|>'"%@`]/.test(text) || /^[-?:](?:\s|$)/.test(text)) return false
  return !/:(?:\s|$)|\s#/.test(text) && !unprintable.test(text)
}

const escapes: Readonly<Record<string, string>> = { '\0': '\\0', '\x07': '\\a', '\b': '\\b', '\t': '\\t', '\n': '\\n', '\v': '\\v', '\f': '\\f', '\r': '\\r', '\x1b': '\\e', '"': '\\"', '\\': '\\\\', '\x85': '\\N', '\xa0': '\\_', '\u2028': '\\L', '\u2029': '\\P' }

function doubleQuoted(text: string): string {
  let quoted = ''
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0
    quoted += escapes[character] ?? (!unprintable.test(character) ? character : point <= 0xff ? `\\x${hex(point, 2)}` : point <= 0xffff ? `\\u${hex(point, 4)}` : `\\U${hex(point, 8)}`)
  }
  return `"${quoted}"`
}

function hex(value: number, width: number): string {
  return value.toString(16).toUpperCase().padStart(width, '0')
}

function literal(text: string, indent: number): string {
  if (otherBreaks.test(text)) throw new NoYaml()
  if (/ \n| $/.test(text) || unprintable.test(text.replace(/[\t\n]/g, ''))) return doubleQuoted(text)
  const hint = /^[ \n]/.test(text) ? '2' : ''
  const chomp = text === '\n' || text.endsWith('\n\n') ? '+' : text.endsWith('\n') ? '' : '-'
  const pad = ' '.repeat(Math.max(indent, 2))
  return `|${hint}${chomp}\n${text.replace(/\n$/, '').split('\n').map(line => line === '' ? '' : pad + line).join('\n')}`
}

// go-yaml's natural order: numbers inside of names by their value, letters before what is none.
function compareNames(a: string, b: string): number {
  const [left, right] = [[...a], [...b]]
  let isInNumber = false
  for (let at = 0; at < left.length && at < right.length; at++) {
    const [x = '', y = ''] = [left[at], right[at]]
    if (x === y) { isInNumber = isDigit(x); continue }
    const [isLetter, isOther] = [isLetterOf(x), isLetterOf(y)]
    if (isLetter && isOther) return compareTexts(x, y)
    if (isLetter || isOther) return isInNumber ? (isLetter ? -1 : 1) : isLetter ? 1 : -1
    // Behind digits that count, a zero counts too.
    const prefix = (x === '0' || y === '0') && /[1-9]\p{Nd}*$/u.test(left.slice(0, at).join('')) ? '1' : ''
    const [m, n] = [digitsAt(left, at), digitsAt(right, at)]
    const order = Number(prefix + m) - Number(prefix + n) || m.length - n.length
    if (order !== 0) return order
    return compareTexts(x, y)
  }
  return left.length - right.length
}

function isDigit(character: string): boolean {
  return /^\p{Nd}$/u.test(character)
}

function isLetterOf(character: string): boolean {
  return /^\p{L}$/u.test(character)
}

function digitsAt(characters: readonly string[], at: number): string {
  let end = at
  while (isDigit(characters[end] ?? '')) end++
  return characters.slice(at, end).join('')
}
