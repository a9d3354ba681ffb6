// Rows of COPY … TO STDOUT in text and CSV (PostgreSQL 18, COPY, "File Formats"): found cell by cell, written back as the server writes them.

/** The statement's options; one byte each, but for `null`. */
export interface CopyFormat {
  readonly kind: 'text' | 'csv'
  readonly delimiter: string
  readonly null: string
  /** csv */
  readonly quote: string
  readonly escape: string
  readonly hasHeader: boolean
  /** `COPY (query) TO`: the columns' types are the query's. */
  readonly isQuery: boolean
}

export interface CopyCodec {
  /** Index behind the cell that starts at `start`; -1 where it is malformed. */
  cellEnd(line: Buffer, start: number, end: number): number
  isNull(line: Buffer, start: number, end: number): boolean
  /** The cell's bytes are its value. */
  isPlain(line: Buffer, start: number, end: number): boolean
  /** The value of a cell that is neither NULL nor plain. */
  decode(line: Buffer, start: number, end: number): Buffer
  encode(value: Uint8Array | null): Uint8Array
  readonly delimiter: number
  /** Of CSV. */
  readonly quote?: number
  readonly mark?: number
  /** Text in which `\N` is NULL, as COPY writes it unasked. */
  readonly isPlainText: boolean
}

const BACKSLASH = 0x5c
/** COPY's own letters for control characters (copyto.c, CopyAttributeOutText). */
const letters: ReadonlyMap<number, number> = new Map([[0x62, 8], [0x66, 12], [0x6e, 10], [0x72, 13], [0x74, 9], [0x76, 11]])
const codes = new Map([...letters].map(([letter, code]) => [code, letter]))

/** undefined: not options that these functions read safely. */
export function createCopyCodec(format: CopyFormat): CopyCodec | undefined {
  const delimiter = single(format.delimiter)
  if (delimiter === undefined || delimiter === BACKSLASH) return undefined
  const none = Buffer.from(format.null)
  // Of the caller's own words for NULL any may be a value, which the server writes alike: only this one no value is written as.
  const isPlainText = format.null === '\\N'
  if (format.kind === 'text') return { delimiter, isPlainText, cellEnd: textEnd(delimiter), isNull: (line, start, end) => isPlainText && equals(line, start, end, none), isPlain: (line, start, end) => plainEnd(line, start, end) === end, decode: unescape, encode: (value) => value === null ? none : escape(value, delimiter) }
  const quote = single(format.quote)
  const mark = single(format.escape)
  if (quote === undefined || mark === undefined || quote === delimiter) return undefined
  return {
    delimiter, quote, mark, isPlainText: false,
    cellEnd: csvEnd(delimiter, quote, mark),
    isNull: (line, start, end) => equals(line, start, end, none),
    isPlain: (line, start, end) => line[start] !== quote || start === end,
    decode(line, start, end) {
      const value: number[] = []
      for (let at = start + 1; at < end - 1; at++) {
        if (line[at] === mark && at + 1 < end - 1 && (line[at + 1] === quote || line[at + 1] === mark)) at++
        value.push(line[at] as number)
      }
      return Buffer.from(value)
    },
    encode: (value) => value === null ? none : quoted(value, quote, mark),
  }
}

function textEnd(delimiter: number): CopyCodec['cellEnd'] {
  return (line, start, end) => {
    let at = start
    for (; at < end && line[at] !== delimiter; at++) if (line[at] === BACKSLASH) at++
    return at > end ? -1 : at
  }
}

function csvEnd(delimiter: number, quote: number, mark: number): CopyCodec['cellEnd'] {
  return (line, start, end) => {
    let at = start
    if (line[at] !== quote || at >= end) {
      for (; at < end && line[at] !== delimiter; at++) if (line[at] === quote) return -1
      return at
    }
    for (at++; at < end; at++) {
      if (line[at] === mark && at + 1 < end && (line[at + 1] === quote || line[at + 1] === mark)) { at++; continue }
      if (line[at] === quote) return at + 1 === end || line[at + 1] === delimiter ? at + 1 : -1
    }
    return -1
  }
}

/** Where the first escape is. */
function plainEnd(line: Buffer, start: number, end: number): number {
  let at = start
  while (at < end && line[at] !== BACKSLASH) at++
  return at
}

function unescape(line: Buffer, start: number, end: number): Buffer {
  const value: number[] = []
  for (let at = start; at < end; at++) {
    const byte = line[at] as number
    if (byte !== BACKSLASH) { value.push(byte); continue }
    const next = line[++at] ?? BACKSLASH
    value.push(letters.get(next) ?? next)
  }
  return Buffer.from(value)
}

/** As COPY's text format writes a value. */
export function escape(value: Uint8Array, delimiter: number): Uint8Array {
  if (!value.some((byte) => byte < 0x20 || byte === BACKSLASH || byte === delimiter)) return value
  const escaped: number[] = []
  for (const byte of value) {
    const letter = codes.get(byte)
    if (letter !== undefined) escaped.push(BACKSLASH, letter)
    else if (byte === BACKSLASH || byte === delimiter) escaped.push(BACKSLASH, byte)
    else escaped.push(byte)
  }
  return Buffer.from(escaped)
}

function quoted(value: Uint8Array, quote: number, mark: number): Uint8Array {
  const bytes = [quote]
  for (const byte of value) {
    if (byte === quote || byte === mark) bytes.push(mark)
    bytes.push(byte)
  }
  bytes.push(quote)
  return Buffer.from(bytes)
}

function equals(line: Buffer, start: number, end: number, expected: Buffer): boolean {
  if (end - start !== expected.length) return false
  for (let i = 0; i < expected.length; i++) if (line[start + i] !== expected[i]) return false
  return true
}

/** The server takes one-byte options only. */
function single(option: string): number | undefined {
  const code = option.charCodeAt(0)
  return option.length === 1 && code < 0x80 && code !== 0x0a && code !== 0x0d ? code : undefined
}
