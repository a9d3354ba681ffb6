// Binary values as text: for detectors and for the record, never for the caller. What has no exact form here is read for the text in it.
import { isUtf8 } from 'node:buffer'
import { float4Text, numericText } from './numeric.ts'
import type { BinaryForm } from './types.ts'

/** Days and microseconds of PostgreSQL count from 2000-01-01. */
const epochMs = Date.UTC(2000, 0, 1)
const printableRun = /[^\x00-\x1f\x7f-\x9f\ufffd]{4,}/g

/** The text form, near enough to PostgreSQL's for a detector; undefined: not a value of this form. */
export function binaryToText(form: BinaryForm, bytes: Buffer): string | undefined {
  switch (form) {
    case 'text': return bytes.toString('utf8')
    case 'jsonb': return bytes[0] === 1 ? bytes.toString('utf8', 1) : undefined
    case 'bool': return bytes.length === 1 ? (bytes[0] === 0 ? 'f' : 't') : undefined
    case 'int': return integer(bytes)?.toString()
    case 'oid': return bytes.length === 4 ? String(bytes.readUInt32BE()) : undefined
    case 'money': return integer(bytes)?.toString()
    case 'float': return bytes.length === 4 ? float4Text(bytes.readFloatBE()) : bytes.length === 8 ? String(bytes.readDoubleBE()) : undefined
    case 'numeric': return numericText(bytes)
    case 'date': return bytes.length === 4 ? isoDate(epochMs + bytes.readInt32BE() * 86_400_000)?.slice(0, 10) : undefined
    case 'timestamp': return bytes.length === 8 ? isoDate(epochMs + Number(bytes.readBigInt64BE() / 1_000n)) : undefined
    case 'uuid': return bytes.length === 16 ? bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') : undefined
    case 'inet': return address(bytes)
    case 'bytea': return textWithin(bytes)
    case 'opaque': return undefined
  }
}

/** The bytes of a bytea in text form, `\x…` or the older escapes (PostgreSQL 18 documentation, 8.4). */
export function byteaFromText(text: string): Buffer {
  if (text.startsWith('\\x')) return Buffer.from(text.slice(2), 'hex')
  return Buffer.from(text.replace(/\\(\\|[0-3][0-7]{2})/g, (_, code: string) => code === '\\' ? '\\' : String.fromCharCode(parseInt(code, 8))), 'latin1')
}

/** Bytes that are text, as text; UTF-16's NULs are dropped. undefined: they are not. */
export function textWithin(bytes: Buffer): string | undefined {
  if (!isUtf8(bytes)) return undefined
  const text = bytes.toString('utf8')
  return text.includes('\0') ? text.replaceAll('\0', '') : text
}

/** Stretches of text in a value of unknown form, such as a row's or an hstore's. */
export function textRuns(bytes: Buffer): readonly string[] {
  return bytes.toString('utf8').match(printableRun) ?? []
}

function integer(bytes: Buffer): number | bigint | undefined {
  if (bytes.length === 2) return bytes.readInt16BE()
  if (bytes.length === 4) return bytes.readInt32BE()
  return bytes.length === 8 ? bytes.readBigInt64BE() : undefined
}

/** Family, bits, is_cidr, length, address (network.c, network_send). */
function address(bytes: Buffer): string | undefined {
  const size = bytes[3]
  if (size === undefined || bytes.length !== 4 + size) return undefined
  const host = size === 4 ? [...bytes.subarray(4)].join('.') : size === 16 ? (bytes.toString('hex', 4).match(/.{4}/g) ?? []).join(':') : undefined
  return host === undefined || bytes[1] === size * 8 ? host : `${host}/${bytes[1]}`
}

/** undefined for infinity and for years that a Date does not hold. */
function isoDate(ms: number): string | undefined {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString().replace('T', ' ').replace('.000Z', '') : undefined
}
