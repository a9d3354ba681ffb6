// The messages of authentication, both sides (PostgreSQL 18, §54.2.1 and §54.3 "SASL Authentication").
import { readMessage } from './reader.ts'
import { backendTag, frontendTag } from './tags.ts'
import { ProtocolViolation } from './violation.ts'
import { Writer } from './writer.ts'

/** Mechanisms a server may offer; PostgreSQL has three. */
const maxMechanisms = 32
/** SASLInitialResponse: no response is -1. */
const noResponse = -1

export type Authentication =
  | { readonly kind: 'ok' } | { readonly kind: 'cleartext' }
  | { readonly kind: 'md5'; readonly salt: Uint8Array }
  | { readonly kind: 'sasl'; readonly mechanisms: readonly string[] }
  | { readonly kind: 'saslContinue' | 'saslFinal'; readonly data: Uint8Array }
  /** Kerberos, GSS, SSPI and what may come: the gateway speaks none of them. */
  | { readonly kind: 'unsupported'; readonly code: number }

/** @throws ProtocolViolation */
export function parseAuthentication(bytes: Uint8Array): Authentication {
  const reader = readMessage('Authentication', [backendTag.authentication], bytes)
  const code = reader.int32()
  switch (code) {
    case 0: reader.end(); return { kind: 'ok' }
    case 3: reader.end(); return { kind: 'cleartext' }
    case 5: {
      const salt = reader.take(4)
      reader.end()
      return { kind: 'md5', salt }
    }
    case 10: {
      const mechanisms: string[] = []
      for (let name = reader.lossyString(); name !== ''; name = reader.lossyString()) {
        if (mechanisms.length === maxMechanisms) reader.fail(`offers more than ${maxMechanisms} mechanisms`)
        mechanisms.push(name)
      }
      reader.end()
      return { kind: 'sasl', mechanisms }
    }
    case 11: return { kind: 'saslContinue', data: reader.rest() }
    case 12: return { kind: 'saslFinal', data: reader.rest() }
    default: return { kind: 'unsupported', code }
  }
}

export const encodeAuthenticationOk = (): Uint8Array => new Writer(backendTag.authentication).int32(0).done()
export const encodeAuthenticationCleartext = (): Uint8Array => new Writer(backendTag.authentication).int32(3).done()

export function encodeAuthenticationSasl(mechanisms: readonly string[]): Uint8Array {
  const writer = new Writer(backendTag.authentication).int32(10)
  for (const mechanism of mechanisms) writer.string(mechanism)
  return writer.byte(0).done()
}

export function encodeAuthenticationSaslContinue(data: Uint8Array): Uint8Array {
  return new Writer(backendTag.authentication).int32(11).bytes(data).done()
}

export function encodeAuthenticationSaslFinal(data: Uint8Array): Uint8Array {
  return new Writer(backendTag.authentication).int32(12).bytes(data).done()
}

/** The answer to a request for a password, from the content of a `password` message. @throws ProtocolViolation */
export function parsePassword(content: Uint8Array): string {
  const nul = content.indexOf(0)
  if (nul !== content.length - 1 || nul < 0) throw new ProtocolViolation('PasswordMessage message is not one string')
  return decode('PasswordMessage', content.subarray(0, nul))
}

export interface SaslInitial { readonly mechanism: string; readonly response: Uint8Array | null }

/** The first answer to a request for SASL. @throws ProtocolViolation */
export function parseSaslInitial(content: Uint8Array): SaslInitial {
  const nul = content.indexOf(0)
  if (nul < 0 || content.length < nul + 5) throw new ProtocolViolation('SASLInitialResponse message ends inside a field')
  const length = new DataView(content.buffer, content.byteOffset + nul + 1, 4).getInt32(0)
  const rest = content.subarray(nul + 5)
  // A length that wraps is what broke another proxy (CVE-2026-6664): it must be the rest, exactly.
  if (length === noResponse ? rest.length > 0 : length !== rest.length) throw new ProtocolViolation(`SASLInitialResponse message has ${rest.length} bytes for a response of length ${length}`)
  return { mechanism: decode('SASLInitialResponse', content.subarray(0, nul)), response: length === noResponse ? null : rest }
}

function decode(name: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new ProtocolViolation(`${name} message is not UTF-8`)
  }
}

export function encodePassword(password: string | Uint8Array): Uint8Array {
  return new Writer(frontendTag.password).string(password).done()
}

export function encodeSaslInitial({ mechanism, response }: SaslInitial): Uint8Array {
  return new Writer(frontendTag.password).string(mechanism).value(response).done()
}

export function encodeSaslResponse(data: Uint8Array): Uint8Array {
  return new Writer(frontendTag.password).bytes(data).done()
}
