// `uuid.parse`: RFC 4122 in the four ways of writing that OPA reads.
import { number, ofTexts } from './operand.ts'
import type { Family } from './operand.ts'
import type { Value } from './value.ts'

export const uuid: Family = [['uuid.parse', ofTexts(parse)]]

const dashed = /^([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})$/i
/** 100 ns intervals from 1582-10-15 to 1970-01-01 (§4.1.4). */
const epoch = 0x01b21dd213814000n
const domains = ['Person', 'Group', 'Org']

function parse(text: string): Value | undefined {
  const hex = hexOf(text)
  if (hex === undefined) return undefined
  const bytes = Buffer.from(hex, 'hex')
  const version = bytes.readUInt8(6) >> 4
  const members: [Value, Value][] = [['version', number(version)], ['variant', variantOf(bytes.readUInt8(8))]]
  if (version === 1 || version === 2) {
    const time = (BigInt(bytes.readUInt16BE(6) & 0x0fff) << 48n) | (BigInt(bytes.readUInt16BE(4)) << 32n) | BigInt(bytes.readUInt32BE(0))
    const node = bytes.subarray(10)
    members.push(
      ['time', number(BigInt.asIntN(64, (time - epoch) * 100n))],
      ['nodeid', [...node].map(byte => byte.toString(16).padStart(2, '0')).join('-')],
      ['macvariables', `${(node.readUInt8(0) & 2) === 0 ? 'global' : 'local'}:${(node.readUInt8(0) & 1) === 0 ? 'unicast' : 'multicast'}`],
      ['clocksequence', number(bytes.readUInt16BE(8) & 0x3fff)],
    )
    if (version === 2) members.push(['id', number(bytes.readUInt32BE(0))], ['domain', domains[bytes.readUInt8(9)] ?? `Domain${bytes.readUInt8(9)}`])
  }
  return { object: members }
}

function hexOf(text: string): string | undefined {
  if (/^[0-9a-f]{32}$/i.test(text)) return text
  // What stands in the place of the braces is not looked at.
  const inner = text.length === 45 && /^urn:uuid:/i.test(text) ? text.slice(9) : /^[\x00-\x7f]{38}$/.test(text) ? text.slice(1, 37) : text
  return dashed.exec(inner)?.slice(1).join('')
}

function variantOf(byte: number): string {
  if ((byte & 0xc0) === 0x80) return 'RFC4122'
  if ((byte & 0xe0) === 0xc0) return 'Microsoft'
  return (byte & 0xe0) === 0xe0 ? 'Future' : 'Reserved'
}
