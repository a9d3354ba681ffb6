// PostgreSQL's readers: whatever the bytes are, frames laid end to end are the bytes that were read, and a message is refused in the reader's own words.
import {
  backendTag, encodeBind, encodeClose, encodeCopyFail, encodeDataRow, encodeDescribe, encodeExecute, encodeFunctionCall, encodeParse, encodeQuery, encodeRowDescription, encodeStartup, Framer,
  frontendTag, parseAuthentication, parseBackendKeyData, parseCommandTag, parseCopyResponse, parseDiagnostic, parseFrontend, parseFunctionResult, parseNegotiate, parseNotification,
  parseParameterDescription, parseParameterStatus, parsePassword, parseReady, parseRowDescription, parseSaslInitial, parseStartup, ProtocolViolation, rowCells,
  type Frame, type FrontendMessage, type Side,
} from '../../gateway/protocols/postgres/messages.ts'
import { backendSamples, frontendSamples, message, startupSamples } from '../gateway/protocols/postgres/samples.ts'

/** Small, so that short inputs are split too. */
const maxBufferedBytes = 24
const frontendTags: readonly number[] = Object.values(frontendTag)
const backendTags: readonly number[] = Object.values(backendTag)

export const postgresSeeds = { frontend: [...frontendSamples, Buffer.concat(frontendSamples)], backend: [...backendSamples, Buffer.concat(backendSamples)], startup: startupSamples }

/** @throws what no reader may throw; violations are swallowed @returns messages that were read to their end, or refused: each input is two runs of them */
export function runFrontend(input: Uint8Array): number {
  // A mutated length ends most inputs early: the same bytes as the content of one message get to its reader.
  return readAll('frontend', input, readFrontend) + readAll('frontend', asContent(frontendTags, input), readFrontend)
}

export function runBackend(input: Uint8Array): number {
  return readAll('backend', input, readBackend) + readAll('backend', asContent(backendTags, input), readBackend)
}

function readAll(side: Side, input: Uint8Array, read: (frame: Frame) => void): number {
  const { frames, violation } = cut(side, input)
  for (const frame of frames) read(frame)
  return frames.filter(({ part }) => part === 'whole' || part === 'last').length + (violation === undefined ? 0 : 1)
}

export function runStartup(input: Uint8Array): number {
  refuses(() => {
    const packet = parseStartup(input)
    if (packet.kind === 'startup' && packet.major === 3) must(Buffer.from(encodeStartup(packet)).equals(input), 'one packet for one set of parameters')
  })
  refuses(() => { parsePassword(input) })
  refuses(() => { parseSaslInitial(input) })
  return 1
}

function asContent(tags: readonly number[], input: Uint8Array): Uint8Array {
  return message(tags[(input[0] ?? 0) % tags.length] ?? 0, input.subarray(1))
}

/** Frames of the whole input at once, compared with those of single bytes and of two halves. */
function cut(side: Side, input: Uint8Array): Pushed {
  const whole = pushed(side, input, input.length)
  const bytes = pushed(side, input, 1)
  const halves = pushed(side, input, Math.max(1, input.length >> 1))
  must(whole.violation === bytes.violation && whole.violation === halves.violation, 'the same verdict however the bytes arrive')
  if (whole.violation !== undefined) return bytes
  for (const { frames, heldBytes } of [whole, bytes, halves]) {
    const read = Buffer.concat(frames.map((frame) => frame.bytes))
    must(read.equals(input.subarray(0, read.length)) && read.length + heldBytes === input.length, 'frames are the bytes that were read')
  }
  must(ends(whole.frames) === ends(bytes.frames) && ends(whole.frames) === ends(halves.frames), 'the same messages however the bytes arrive')
  return whole
}

interface Pushed { readonly frames: readonly Frame[]; readonly heldBytes: number; readonly violation: string | undefined }

function pushed(side: Side, input: Uint8Array, size: number): Pushed {
  const framer = new Framer(side, { maxBufferedBytes })
  const frames: Frame[] = []
  let consumed = 0
  try {
    for (; consumed < input.length; consumed += size) frames.push(...framer.push(input.subarray(consumed, consumed + size)))
  } catch (error) {
    if (!(error instanceof ProtocolViolation)) throw error
    const read = Buffer.concat(frames.map((frame) => frame.bytes))
    must(read.equals(input.subarray(0, read.length)), 'frames before a violation are the bytes that were read')
    return { frames, heldBytes: framer.heldBytes, violation: error.message }
  }
  return { frames, heldBytes: framer.heldBytes, violation: undefined }
}

/** Where each message ends, the pieces of a split one together: with the bytes checked, this is what was read. */
function ends(frames: readonly Frame[]): string {
  let at = 0
  let said = ''
  for (const { part, start, end } of frames) {
    at += end - start
    if (part === 'whole' || part === 'last') said += `${at} `
  }
  return said
}

function readFrontend(frame: Frame): void {
  refuses(() => {
    const read = parseFrontend(frame)
    const again = rewritten(read, frame.bytes)
    if (again !== undefined) must(Buffer.from(again).equals(frame.bytes), `${read.kind}: one encoding for one message`)
  })
}

/** What has only one encoding, written again: nothing in the bytes was left unread. */
function rewritten(read: FrontendMessage, bytes: Uint8Array): Uint8Array | undefined {
  switch (read.kind) {
    case 'query': return encodeQuery(read.text)
    case 'parse': return encodeParse(read.name, read.text, read.types)
    case 'bind': return encodeBind(read)
    case 'describe': return encodeDescribe(read.of, read.name)
    case 'execute': return encodeExecute(read.portal, Buffer.from(bytes).readInt32BE(bytes.length - 4))
    case 'close': return encodeClose(read.of, read.name)
    case 'functionCall': return encodeFunctionCall(read)
    case 'copyFail': return encodeCopyFail(read.message)
    default: return undefined
  }
}

const readers: Readonly<Record<number, (message: Uint8Array) => unknown>> = {
  [backendTag.authentication]: parseAuthentication, [backendTag.backendKeyData]: parseBackendKeyData, [backendTag.commandComplete]: parseCommandTag, [backendTag.copyIn]: parseCopyResponse,
  [backendTag.copyOut]: parseCopyResponse, [backendTag.copyBoth]: parseCopyResponse, [backendTag.error]: parseDiagnostic, [backendTag.notice]: parseDiagnostic,
  [backendTag.functionResult]: parseFunctionResult, [backendTag.negotiate]: parseNegotiate, [backendTag.notification]: parseNotification, [backendTag.parameterDescription]: parseParameterDescription,
  [backendTag.parameterStatus]: parseParameterStatus, [backendTag.ready]: parseReady, [backendTag.rowDescription]: readDescription, [backendTag.dataRow]: readRow,
}

function readBackend(frame: Frame): void {
  if (frame.part === 'whole') refuses(() => { readers[frame.tag]?.(frame.bytes) })
}

function readDescription(bytes: Uint8Array): void {
  const fields = parseRowDescription(bytes)
  // Names in another encoding are shown with replacement characters.
  if (fields.every(({ name }) => !name.includes('\ufffd'))) must(Buffer.from(encodeRowDescription(fields)).equals(bytes), 'RowDescription: one encoding for one message')
}

function readRow(bytes: Uint8Array): void {
  const cells = rowCells(bytes)
  must(Buffer.from(encodeDataRow(cells)).equals(bytes), 'DataRow: one encoding for one row')
}

function refuses(work: () => void): void {
  try { work() } catch (error) { if (!(error instanceof ProtocolViolation)) throw error }
}

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`does not hold: ${what}`)
}
