// The packets without a tag that open a connection (PostgreSQL 18, §54.2.1, §54.2.8–54.2.11, §54.7).
// Nobody is known yet: everything here is a stranger's.
import { Reader } from './reader.ts'
import { maxKeyBytes, minKeyBytes } from './tags.ts'
import { ProtocolViolation } from './violation.ts'
import { Writer } from './writer.ts'

/** PostgreSQL's MAX_STARTUP_PACKET_LENGTH, counted as it does: behind the length word. */
export const maxStartupBytes = 10_000
const cancelCode = 80_877_102
const sslCode = 80_877_103
const gssCode = 80_877_104

export interface StartupMessage {
  readonly kind: 'startup'
  readonly major: number
  readonly minor: number
  /** By name; empty for another major version, whose packet nobody can read. */
  readonly parameters: ReadonlyMap<string, string>
}
export type StartupPacket =
  | { readonly kind: 'ssl' } | { readonly kind: 'gss' }
  | { readonly kind: 'cancel'; readonly pid: number; readonly key: Uint8Array }
  | StartupMessage

/**
 * Length of the packet that begins with these bytes; undefined while fewer than four are there.
 * Bytes behind an SSLRequest that are already here were sent in the clear for the encrypted connection: refuse them (CVE-2021-23214).
 * @throws ProtocolViolation
 */
export function startupLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < 4) return undefined
  const length = new Reader('start-up', bytes, 0, 4).oid()
  if (length < 8 || length > maxStartupBytes + 4) throw new ProtocolViolation(`start-up packet has length ${length}, not 8 to ${maxStartupBytes + 4}`)
  return length
}

/** Of exactly one packet. @throws ProtocolViolation */
export function parseStartup(bytes: Uint8Array): StartupPacket {
  const length = startupLength(bytes)
  if (length !== bytes.length) throw new ProtocolViolation(`start-up packet of ${bytes.length} bytes has length ${length ?? 'none'}`)
  const reader = new Reader('start-up', bytes, 4, bytes.length)
  const code = reader.oid()
  switch (code) {
    case sslCode: reader.end(); return { kind: 'ssl' }
    case gssCode: reader.end(); return { kind: 'gss' }
    case cancelCode: return parseCancel(reader)
    default: return parseParameters(code >>> 16, code & 0xffff, reader)
  }
}

function parseCancel(reader: Reader): StartupPacket {
  const pid = reader.int32()
  const key = reader.rest()
  if (key.length < minKeyBytes || key.length > maxKeyBytes) reader.fail(`has a cancel key of ${key.length} bytes`)
  return { kind: 'cancel', pid, key }
}

/** A name given twice is refused: two readers could take a different one. */
function parseParameters(major: number, minor: number, reader: Reader): StartupPacket {
  const parameters = new Map<string, string>()
  if (major !== 3) return { kind: 'startup', major, minor, parameters }
  for (let name = reader.string(); name !== '' || !reader.isUtf8; name = reader.string()) {
    const value = reader.string()
    if (!reader.isUtf8) reader.fail('has a parameter that is not UTF-8')
    if (parameters.has(name)) reader.fail('has a parameter twice')
    parameters.set(name, value)
  }
  reader.end()
  return { kind: 'startup', major, minor, parameters }
}

export function encodeStartup(startup: Omit<StartupMessage, 'kind'>): Uint8Array {
  const writer = new Writer(undefined).int32(startup.major * 0x1_0000 + startup.minor)
  for (const [name, value] of startup.parameters) writer.string(name).string(value)
  return writer.byte(0).done()
}

export function encodeCancel(pid: number, key: Uint8Array): Uint8Array {
  return new Writer(undefined).int32(cancelCode).int32(pid).bytes(key).done()
}

export const encodeSslRequest = (): Uint8Array => new Writer(undefined).int32(sslCode).done()
