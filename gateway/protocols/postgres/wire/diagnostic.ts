// ErrorResponse and NoticeResponse: fields by letter (PostgreSQL 18, §54.8 "Error and Notice Message Fields").
import { readMessage } from './reader.ts'
import { backendTag } from './tags.ts'
import { Writer } from './writer.ts'

/** Letter → text, in the order they came. */
export type Diagnostic = ReadonlyMap<string, string>

/** A server may leave out any field, even the SQLSTATE: look for `C`, do not count on it. @throws ProtocolViolation */
export function parseDiagnostic(bytes: Uint8Array): Map<string, string> {
  const reader = readMessage(bytes[0] === backendTag.notice ? 'NoticeResponse' : 'ErrorResponse', [backendTag.error, backendTag.notice], bytes)
  const fields = new Map<string, string>()
  for (let letter = reader.byte(); letter !== 0; letter = reader.byte()) {
    const name = String.fromCharCode(letter)
    if (fields.has(name)) reader.fail('has a field twice')
    fields.set(name, reader.lossyString())
  }
  reader.end()
  return fields
}

export const encodeError = (fields: Diagnostic): Uint8Array => encode(backendTag.error, fields)
export const encodeNotice = (fields: Diagnostic): Uint8Array => encode(backendTag.notice, fields)

function encode(tag: number, fields: Diagnostic): Uint8Array {
  const writer = new Writer(tag, 512)
  for (const [letter, text] of fields) writer.byte(letter.charCodeAt(0)).string(text)
  return writer.byte(0).done()
}
