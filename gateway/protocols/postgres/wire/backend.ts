// What a server says, except rows, authentication and errors: read strictly as to form, loosely as to text
// (a database in SQL_ASCII sends any bytes), and written for the client (PostgreSQL 18, §54.7).
// Every `parse…` takes one whole message, tag and length included, and throws ProtocolViolation.
import { readMessage } from './reader.ts'
import { backendTag, maxKeyBytes, minKeyBytes } from './tags.ts'
import { ProtocolViolation } from './violation.ts'
import { bare, Writer } from './writer.ts'

/** Idle, in a transaction, in a failed one. */
export type TransactionStatus = 'I' | 'T' | 'E'
const statuses: Readonly<Record<number, TransactionStatus>> = { 0x49: 'I', 0x54: 'T', 0x45: 'E' }

export function parseReady(bytes: Uint8Array): TransactionStatus {
  const reader = readMessage('ReadyForQuery', [backendTag.ready], bytes)
  const status = statuses[reader.byte()]
  reader.end()
  return status ?? reader.fail('has an unknown transaction status')
}

export function encodeReady(status: TransactionStatus): Uint8Array {
  return Uint8Array.of(backendTag.ready, 0, 0, 0, 5, status.charCodeAt(0))
}

export function parseCommandTag(bytes: Uint8Array): string {
  const reader = readMessage('CommandComplete', [backendTag.commandComplete], bytes)
  const tag = reader.lossyString()
  reader.end()
  return tag
}

export function encodeCommandComplete(tag: string): Uint8Array {
  return new Writer(backendTag.commandComplete).string(tag).done()
}

export interface ParameterStatus { readonly name: string; readonly value: string }

export function parseParameterStatus(bytes: Uint8Array): ParameterStatus {
  const reader = readMessage('ParameterStatus', [backendTag.parameterStatus], bytes)
  const name = reader.lossyString()
  const value = reader.lossyString()
  reader.end()
  return { name, value }
}

export function encodeParameterStatus(name: string, value: string): Uint8Array {
  return new Writer(backendTag.parameterStatus).string(name).string(value).done()
}

export interface Notification { readonly pid: number; readonly channel: string; readonly payload: string }

export function parseNotification(bytes: Uint8Array): Notification {
  const reader = readMessage('NotificationResponse', [backendTag.notification], bytes)
  const pid = reader.int32()
  const channel = reader.lossyString()
  const payload = reader.lossyString()
  reader.end()
  return { pid, channel, payload }
}

export function encodeNotification({ pid, channel, payload }: Notification): Uint8Array {
  return new Writer(backendTag.notification).int32(pid).string(channel).string(payload).done()
}

export interface BackendKeyData { readonly pid: number; readonly key: Uint8Array }

export function parseBackendKeyData(bytes: Uint8Array): BackendKeyData {
  const reader = readMessage('BackendKeyData', [backendTag.backendKeyData], bytes)
  const pid = reader.int32()
  const key = reader.rest()
  if (!isKey(key)) reader.fail(`has a key of ${key.length} bytes`)
  return { pid, key }
}

/** @param key 4 bytes for a client of protocol 3.0, up to 256 from 3.2 on */
export function encodeBackendKeyData(pid: number, key: Uint8Array): Uint8Array {
  if (!isKey(key)) throw new ProtocolViolation(`a cancel key of ${key.length} bytes`)
  return new Writer(backendTag.backendKeyData).int32(pid).bytes(key).done()
}

const isKey = (key: Uint8Array) => key.length >= minKeyBytes && key.length <= maxKeyBytes

export interface Negotiation { /** Newest minor version of major 3 that the server speaks. */ readonly minor: number; /** Options it does not know. */ readonly options: readonly string[] }

export function parseNegotiate(bytes: Uint8Array): Negotiation {
  const reader = readMessage('NegotiateProtocolVersion', [backendTag.negotiate], bytes)
  const version = reader.oid()
  const count = reader.int32()
  if (count < 0 || count > reader.remaining) reader.fail(`announces ${count} options`)
  const options = Array.from({ length: count }, () => reader.lossyString())
  reader.end()
  // The manual says "minor version"; the server writes the whole version number.
  if (version >>> 16 !== 3 && version >>> 16 !== 0) reader.fail('names another major version')
  return { minor: version & 0xffff, options }
}

export function encodeNegotiate(minor: number, options: readonly string[]): Uint8Array {
  const writer = new Writer(backendTag.negotiate).int32(0x3_0000 + minor).int32(options.length)
  for (const option of options) writer.string(option)
  return writer.done()
}

export interface CopyResponse { readonly direction: 'in' | 'out' | 'both'; /** Of the whole: 0 text, 1 binary. */ readonly format: number; /** One per column. */ readonly formats: readonly number[] }

export function parseCopyResponse(bytes: Uint8Array): CopyResponse {
  const direction = bytes[0] === backendTag.copyIn ? 'in' : bytes[0] === backendTag.copyOut ? 'out' : 'both'
  const reader = readMessage('CopyResponse', [backendTag.copyIn, backendTag.copyOut, backendTag.copyBoth], bytes)
  const format = reader.byte()
  if (format > 1) reader.fail('has a format code that is neither 0 nor 1')
  const formats = reader.formats()
  reader.end()
  return { direction, format, formats }
}

export function parseParameterDescription(bytes: Uint8Array): readonly number[] {
  const reader = readMessage('ParameterDescription', [backendTag.parameterDescription], bytes)
  const types = reader.longOids()
  reader.end()
  return types
}

export function parseFunctionResult(bytes: Uint8Array): Uint8Array | null {
  const reader = readMessage('FunctionCallResponse', [backendTag.functionResult], bytes)
  const value = reader.value()
  reader.end()
  return value
}

export function encodeFunctionResult(value: Uint8Array | null): Uint8Array {
  return new Writer(backendTag.functionResult, 4 + (value?.length ?? 0)).value(value).done()
}

export const encodeParseComplete = (): Uint8Array => bare(backendTag.parseComplete)
export const encodeBindComplete = (): Uint8Array => bare(backendTag.bindComplete)
export const encodeCloseComplete = (): Uint8Array => bare(backendTag.closeComplete)
export const encodeNoData = (): Uint8Array => bare(backendTag.noData)
export const encodeEmptyQuery = (): Uint8Array => bare(backendTag.emptyQuery)
export const encodePortalSuspended = (): Uint8Array => bare(backendTag.portalSuspended)
