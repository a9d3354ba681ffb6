// Formats of texts (draft 7 §7.3) as gojsonschema checks them; an unknown format is met by everything.
import { parseAddress } from '../net/address.ts'
import { uri } from '../uri.ts'
import type { Value } from '../value.ts'
import { NoAnswer } from './json.ts'
import type { Patterns } from './compile.ts'

const clock = /^([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?$/
const hostLabel = /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$/
const atoms = /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+(?:\.[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+)*$/

export function meetsFormat(format: string, text: string, patterns: Patterns): boolean {
  switch (format) {
    case 'date': return isDate(text)
    case 'time': return isTime(text, 'optional')
    case 'date-time': return isDate(text) || isTime(text, 'optional') || (/^.{10}T/.test(text) && isDate(text.slice(0, 10)) && isTime(text.slice(11), 'needed'))
    case 'hostname': return Buffer.byteLength(text) < 256 && text.split('.').every(label => hostLabel.test(label))
    case 'email':
    case 'idn-email': return isMailbox(text)
    case 'ipv4': return text.includes('.') && parseAddress(text) !== undefined
    case 'ipv6': return text.includes(':') && parseAddress(text) !== undefined
    case 'uri':
    case 'iri': return !text.includes('\\') && isUri(text, 'scheme')
    case 'uri-reference':
    case 'iri-reference': return !text.includes('\\') && isUri(text)
    case 'uri-template': return !text.includes('\\') && isTemplate(text)
    case 'uuid': return /^[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}$/i.test(text)
    case 'regex': return text === '' || patterns.compile(text) !== undefined
    case 'json-pointer': return /^(?:\/(?:[^~/]|~0|~1)*)*$/.test(text)
    case 'relative-json-pointer': return /^(?:0|[1-9][0-9]*)(?:#|(?:\/(?:[^~/]|~0|~1)*)*)$/.test(text)
    default: return true
  }
}

function isDate(text: string): boolean {
  const [, year, month, day] = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/.exec(text) ?? []
  if (year === undefined) return false
  const date = new Date(0)
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day)
}

function isTime(text: string, zone: 'optional' | 'needed'): boolean {
  const [, hour, minute, second, offset] = clock.exec(text) ?? []
  if (hour === undefined || (zone === 'needed' && offset === undefined)) return false
  const isOffset = offset === undefined || offset === 'Z' || (Number(offset.slice(1, 3)) <= 24 && Number(offset.slice(4)) <= 60)
  return Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60 && isOffset
}

// RFC 5322's names, comments and quotes are left out: they have no answer.
function isMailbox(text: string): boolean {
  const [local, domain, ...more] = text.split('@')
  if (local !== undefined && domain !== undefined && more.length === 0 && atoms.test(local) && atoms.test(domain)) return true
  if (domain === undefined || /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.@]*$/.test(text)) return false
  throw new NoAnswer('an address that is not plain')
}

function parts(text: string): readonly (readonly [Value, Value])[] | undefined {
  const parsed = uri[0]?.[1](text)
  return parsed !== undefined && parsed !== null && typeof parsed === 'object' && 'object' in parsed ? parsed.object : undefined
}

function isUri(text: string, needed?: string): boolean {
  const found = parts(text)
  return found !== undefined && (needed === undefined || found.some(([name]) => name === needed))
}

function isTemplate(text: string): boolean {
  const path = parts(text)?.find(([name]) => name === 'path')?.[1] ?? ''
  return parts(text) !== undefined && typeof path === 'string' && !path.replace(/\{[^}]*\}/g, '').includes('{')
}
