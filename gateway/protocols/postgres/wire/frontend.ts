// What a client sends once it is let in: read strictly, since the server must see what was decided on, and written for the server.
// PostgreSQL 18, §54.7; counts are unsigned as in the server's own reader.
import type { Frame } from './framer.ts'
import { Reader } from './reader.ts'
import { frontendTag } from './tags.ts'
import { ProtocolViolation } from './violation.ts'
import { bare, Writer } from './writer.ts'

export interface Query { readonly kind: 'query'; readonly text: string; /** The same without its NUL. */ readonly textBytes: Uint8Array }
export interface Parse { readonly kind: 'parse'; readonly name: string; readonly text: string; readonly textBytes: Uint8Array; readonly types: readonly number[] }
export interface Bind {
  readonly kind: 'bind'
  readonly portal: string
  readonly statement: string
  /** None, one for all, or one for each value. */
  readonly formats: readonly number[]
  readonly values: readonly (Uint8Array | null)[]
  /** As formats, for the columns of the result. */
  readonly resultFormats: readonly number[]
}
export interface Describe { readonly kind: 'describe'; /** Statement or portal. */ readonly of: 'S' | 'P'; readonly name: string }
/** How many rows it asks for is between client and server: policy's limit counts those that come. */
export interface Execute { readonly kind: 'execute'; readonly portal: string }
export interface Close { readonly kind: 'close'; readonly of: 'S' | 'P'; readonly name: string }
export interface FunctionCall { readonly kind: 'functionCall'; readonly oid: number; readonly formats: readonly number[]; readonly values: readonly (Uint8Array | null)[]; readonly resultFormat: number }
/** Of a long message each piece comes by itself; the `first` has no data yet. */
export interface CopyData { readonly kind: 'copyData'; readonly data: Uint8Array; readonly part: Frame['part'] }
/**
 * Well formed, but one of its strings is not UTF-8: the server, too, would answer 22021 and go on.
 * A kind of its own, so that every string of the other kinds is what the server will read.
 */
export interface NotUtf8 { readonly kind: 'notUtf8'; /** The message it would have been. */ readonly of: 'query' | 'parse' | 'bind' | 'describe' | 'execute' | 'close' | 'copyFail' }
/**
 * Its length is right and its content is not what its type says: a NUL inside a text, a count that nothing follows. The server, too, answers 08P01 and
 * goes on behind it. Nothing of it is read but why.
 */
export interface Malformed { readonly kind: 'malformed'; readonly of: 'query' | 'parse' | 'bind' | 'describe' | 'execute' | 'close' | 'functionCall'; readonly why: string }

export type FrontendMessage =
  | Query | Parse | Bind | Describe | Execute | Close | FunctionCall | CopyData | NotUtf8 | Malformed
  | { readonly kind: 'sync' } | { readonly kind: 'flush' } | { readonly kind: 'copyDone' } | { readonly kind: 'terminate' }
  | { readonly kind: 'copyFail'; readonly message: string }
  /** A password or an answer of SASL: which, only the authentication exchange knows. */
  | { readonly kind: 'password'; readonly bytes: Uint8Array }

const noValues: readonly (Uint8Array | null)[] = Object.freeze([])
const sync = Object.freeze({ kind: 'sync' } as const)
const flush = Object.freeze({ kind: 'flush' } as const)
const copyDone = Object.freeze({ kind: 'copyDone' } as const)
const terminate = Object.freeze({ kind: 'terminate' } as const)

/** Of a frame that a frontend framer cut. @throws ProtocolViolation for a type that there is not, and a CopyFail that is none */
export function parseFrontend(frame: Frame): FrontendMessage {
  if (frame.part !== 'whole') return { kind: 'copyData', data: frame.part === 'first' ? new Uint8Array() : frame.bytes, part: frame.part }
  switch (frame.tag) {
    case frontendTag.bind: return whole(parseBind, 'bind', 'Bind', frame)
    case frontendTag.execute: return whole(parseExecute, 'execute', 'Execute', frame)
    case frontendTag.sync: return sync
    case frontendTag.query: return whole(parseQuery, 'query', 'Query', frame)
    case frontendTag.parse: return whole(parseParse, 'parse', 'Parse', frame)
    case frontendTag.describe: return whole(parseDescribe, 'describe', 'Describe', frame)
    case frontendTag.close: return whole(parseClose, 'close', 'Close', frame)
    case frontendTag.flush: return flush
    case frontendTag.functionCall: return whole(parseFunctionCall, 'functionCall', 'FunctionCall', frame)
    case frontendTag.copyData: return { kind: 'copyData', data: frame.bytes.subarray(5), part: 'whole' }
    case frontendTag.copyDone: return copyDone
    case frontendTag.copyFail: return parseCopyFail(body('CopyFail', frame))
    case frontendTag.password: return { kind: 'password', bytes: frame.bytes.subarray(5) }
    case frontendTag.terminate: return terminate
    default: throw new ProtocolViolation(`unknown frontend message type 0x${frame.tag.toString(16)}`)
  }
}

/** All of it, or nothing but why not. */
function whole(parse: (reader: Reader) => FrontendMessage, of: Malformed['of'], name: string, frame: Frame): FrontendMessage {
  try {
    return parse(body(name, frame))
  } catch (error) {
    if (!(error instanceof ProtocolViolation)) throw error
    return { kind: 'malformed', of, why: error.message }
  }
}

const body = (name: string, frame: Frame) => new Reader(name, frame.source, frame.start + 5, frame.end)

function parseQuery(reader: Reader): FrontendMessage {
  const textBytes = reader.stringBytes()
  reader.end()
  const text = reader.decode(textBytes)
  return reader.isUtf8 ? { kind: 'query', text, textBytes } : { kind: 'notUtf8', of: 'query' }
}

function parseParse(reader: Reader): FrontendMessage {
  const name = reader.string()
  const textBytes = reader.stringBytes()
  const types = reader.oids()
  reader.end()
  const text = reader.decode(textBytes)
  return reader.isUtf8 ? { kind: 'parse', name, text, textBytes, types } : { kind: 'notUtf8', of: 'parse' }
}

function parseBind(reader: Reader): FrontendMessage {
  const portal = reader.string()
  const statement = reader.string()
  const formats = reader.formats()
  const values = parseValues(reader, formats)
  const resultFormats = reader.formats()
  reader.end()
  return reader.isUtf8 ? { kind: 'bind', portal, statement, formats, values, resultFormats } : { kind: 'notUtf8', of: 'bind' }
}

function parseValues(reader: Reader, formats: readonly number[]): readonly (Uint8Array | null)[] {
  const count = reader.int16()
  if (formats.length > 1 && formats.length !== count) reader.fail(`has ${formats.length} formats for ${count} values`)
  if (count === 0) return noValues
  const values: (Uint8Array | null)[] = []
  for (let index = 0; index < count; index++) values.push(reader.value())
  return values
}

function parseExecute(reader: Reader): FrontendMessage {
  const portal = reader.string()
  reader.int32()
  reader.end()
  return reader.isUtf8 ? { kind: 'execute', portal } : { kind: 'notUtf8', of: 'execute' }
}

const parseDescribe = (reader: Reader) => parseNamed('describe', reader)
const parseClose = (reader: Reader) => parseNamed('close', reader)

function parseNamed(kind: 'describe' | 'close', reader: Reader): FrontendMessage {
  const letter = reader.byte()
  if (letter !== 0x53 && letter !== 0x50) reader.fail('names neither a statement (S) nor a portal (P)')
  const name = reader.string()
  reader.end()
  return reader.isUtf8 ? { kind, of: letter === 0x53 ? 'S' : 'P', name } : { kind: 'notUtf8', of: kind }
}

function parseFunctionCall(reader: Reader): FrontendMessage {
  const oid = reader.oid()
  const formats = reader.formats()
  const values = parseValues(reader, formats)
  const resultFormat = reader.format()
  reader.end()
  return { kind: 'functionCall', oid, formats, values, resultFormat }
}

function parseCopyFail(reader: Reader): FrontendMessage {
  const message = reader.string()
  reader.end()
  return reader.isUtf8 ? { kind: 'copyFail', message } : { kind: 'notUtf8', of: 'copyFail' }
}

/** @param text a string, or bytes as they came. @throws ProtocolViolation on a NUL inside; so do all that write strings */
export function encodeQuery(text: string | Uint8Array): Uint8Array {
  return new Writer(frontendTag.query, text.length + 1).string(text).done()
}

export function encodeParse(name: string, text: string | Uint8Array, types: readonly number[] = []): Uint8Array {
  const writer = new Writer(frontendTag.parse, name.length + text.length + 4 + types.length * 4).string(name).string(text).int16(types.length)
  for (const type of types) writer.int32(type)
  return writer.done()
}

export function encodeBind(bind: Omit<Bind, 'kind'>): Uint8Array {
  const writer = new Writer(frontendTag.bind).string(bind.portal).string(bind.statement).formats(bind.formats).int16(bind.values.length)
  for (const value of bind.values) writer.value(value)
  return writer.formats(bind.resultFormats).done()
}

export function encodeDescribe(of: 'S' | 'P', name: string): Uint8Array {
  return new Writer(frontendTag.describe).byte(of.charCodeAt(0)).string(name).done()
}

export function encodeExecute(portal: string, maxRows = 0): Uint8Array {
  return new Writer(frontendTag.execute).string(portal).int32(maxRows).done()
}

export function encodeClose(of: 'S' | 'P', name: string): Uint8Array {
  return new Writer(frontendTag.close).byte(of.charCodeAt(0)).string(name).done()
}

export function encodeFunctionCall(call: Omit<FunctionCall, 'kind'>): Uint8Array {
  const writer = new Writer(frontendTag.functionCall).int32(call.oid).formats(call.formats).int16(call.values.length)
  for (const value of call.values) writer.value(value)
  return writer.int16(call.resultFormat).done()
}

/** Both sides send it. */
export function encodeCopyData(data: Uint8Array): Uint8Array {
  return new Writer(frontendTag.copyData, data.length).bytes(data).done()
}

export function encodeCopyFail(message: string): Uint8Array {
  return new Writer(frontendTag.copyFail).string(message).done()
}

export const encodeSync = (): Uint8Array => bare(frontendTag.sync)
export const encodeFlush = (): Uint8Array => bare(frontendTag.flush)
/** Both sides send it. */
export const encodeCopyDone = (): Uint8Array => bare(frontendTag.copyDone)
export const encodeTerminate = (): Uint8Array => bare(frontendTag.terminate)
