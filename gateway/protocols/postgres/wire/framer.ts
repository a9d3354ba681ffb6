// Cuts one direction of a connection into messages (PostgreSQL 18, §54.1.1). Tag and length are checked before a byte is kept for them.
// What it hands on is what it was given: frames laid end to end are the input, byte for byte.
import { lengthRules, type LengthRule, type Side } from './tags.ts'
import { ProtocolViolation } from './violation.ts'

const nothing = new Uint8Array()
/** Tag and length word. */
const headerBytes = 5
/** Rows and COPY data longer than this come in pieces. */
const defaultMaxBufferedBytes = 16 * 1024 * 1024
/** Parameters of one Bind: the server would take 1 GiB, and all of it is held here until it is decided. */
const defaultMaxValuesBytes = 64 * 1024 * 1024

export interface FramerLimits {
  /** DataRow and CopyData messages longer than this (tag included) are split; nothing else ever is. */
  readonly maxBufferedBytes?: number
  /** Longest Bind, FunctionCall and FunctionCallResponse. */
  readonly maxValuesBytes?: number
}

/**
 * One message, a piece of one, or a run of whole rows. `first` is always the bare header, so that how a message is cut does not depend on how it
 * arrived; `middle` and `last` are its content. The bytes belong to the chunk that was pushed wherever they lay inside it.
 */
export interface Frame {
  readonly tag: number
  /** Of a whole message: with tag and length. */
  readonly bytes: Uint8Array
  readonly part: 'whole' | 'first' | 'middle' | 'last'
  /** Whole messages in it: more than one only of what `pushRuns` gave. */
  readonly count: number
  /** Where `bytes` lies: a run of frames in one chunk can be written at once. */
  readonly source: Uint8Array
  readonly start: number
  readonly end: number
}

/** Makes its view only when asked: rows that nobody reads cost no view. */
class Cut implements Frame {
  readonly tag: number
  readonly part: Frame['part']
  readonly count: number
  readonly source: Uint8Array
  readonly start: number
  readonly end: number
  #bytes: Uint8Array | undefined
  constructor(tag: number, part: Frame['part'], source: Uint8Array, start: number, end: number, count = 1) {
    this.tag = tag
    this.part = part
    this.count = count
    this.source = source
    this.start = start
    this.end = end
  }

  get bytes(): Uint8Array {
    return this.#bytes ??= this.source.subarray(this.start, this.end)
  }
}

/** The messages of a run, one by one. */
export function messagesOf(frame: Frame): readonly Frame[] {
  const { tag, part, source, count } = frame
  if (count === 1) return [frame]
  const messages: Frame[] = []
  for (let at = frame.start, end = at; at < frame.end; at = end) {
    end = at + 1 + lengthAt(source, at + 1)
    messages.push(new Cut(tag, part, source, at, end))
  }
  return messages
}

/** One per direction. Behind a violation it stays broken. */
export class Framer {
  readonly #side: Side
  readonly #rules: ReadonlyMap<number, LengthRule>
  readonly #maxBufferedBytes: number
  readonly #maxValuesBytes: number
  /** The beginning of a message that spans chunks; handed over with its frame, never reused. */
  #held: Uint8Array = nothing
  #heldBytes = 0
  /** Bytes that a message handed on in pieces still has to come, and its tag. */
  #leftBytes = 0
  #leftTag = 0
  #violation: ProtocolViolation | undefined

  constructor(side: Side, limits: FramerLimits = {}) {
    this.#side = side
    this.#rules = lengthRules[side]
    this.#maxValuesBytes = limits.maxValuesBytes ?? defaultMaxValuesBytes
    this.#maxBufferedBytes = Math.max(headerBytes, limits.maxBufferedBytes ?? defaultMaxBufferedBytes)
  }

  /** True between two messages: an end of the stream anywhere else broke one off. */
  get isBetweenMessages(): boolean {
    return this.#heldBytes === 0 && this.#leftBytes === 0
  }

  /** Bytes of an unfinished message kept here. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** @throws ProtocolViolation; the messages before it in this chunk are dropped with it, as nothing of a broken stream is forwarded */
  push(chunk: Uint8Array): Frame[] {
    return this.#push(chunk, false)
  }

  /** The same, but whole rows of one kind that lie behind one another are one frame: `messagesOf` tells them apart. @throws ProtocolViolation */
  pushRuns(chunk: Uint8Array): Frame[] {
    return this.#push(chunk, true)
  }

  #push(chunk: Uint8Array, gathersRows: boolean): Frame[] {
    if (this.#violation !== undefined) throw this.#violation
    const frames: Frame[] = []
    let at = 0
    while (at < chunk.length) {
      if (this.#leftBytes > 0) at = this.#piece(chunk, at, frames)
      else if (this.#heldBytes > 0) at = this.#join(chunk, at, frames)
      else at = this.#cut(chunk, at, frames, gathersRows)
    }
    return frames
  }

  /** A message that begins in this chunk, with the rows behind it. */
  #cut(chunk: Uint8Array, at: number, frames: Frame[], gathersRows: boolean): number {
    const tag = chunk[at] ?? 0
    const rule = this.#ruleOf(tag)
    const here = chunk.length - at
    if (here >= headerBytes) {
      const total = this.#totalOf(tag, rule, chunk, at)
      if (this.#isSplit(rule, total)) return this.#begin(tag, total, chunk, at, frames)
      if (here >= total) {
        let end = at + total
        let count = 1
        while (gathersRows && rule.holds === 'stream' && chunk[end] === tag && end + headerBytes <= chunk.length) {
          const next = this.#totalOf(tag, rule, chunk, end)
          if (end + next > chunk.length || this.#isSplit(rule, next)) break
          end += next
          count++
        }
        frames.push(new Cut(tag, 'whole', chunk, at, end, count))
        return end
      }
      this.#keep(chunk, at, chunk.length, total)
      return chunk.length
    }
    this.#keep(chunk, at, chunk.length, headerBytes)
    return chunk.length
  }

  /** A message that began in an earlier chunk: header first, then as much as there is. */
  #join(chunk: Uint8Array, at: number, frames: Frame[]): number {
    if (this.#heldBytes < headerBytes) {
      const end = Math.min(chunk.length, at + headerBytes - this.#heldBytes)
      this.#keep(chunk, at, end, headerBytes)
      if (this.#heldBytes < headerBytes) return end
      at = end
    }
    const tag = this.#held[0] ?? 0
    const rule = this.#ruleOf(tag)
    const total = this.#totalOf(tag, rule, this.#held, 0)
    if (this.#isSplit(rule, total)) {
      this.#begin(tag, total, this.#handOver(), 0, frames)
      return at
    }
    const end = Math.min(chunk.length, at + total - this.#heldBytes)
    this.#keep(chunk, at, end, total)
    if (this.#heldBytes === total) frames.push(new Cut(tag, 'whole', this.#handOver(), 0, total))
    return end
  }

  #begin(tag: number, total: number, source: Uint8Array, at: number, frames: Frame[]): number {
    frames.push(new Cut(tag, 'first', source, at, at + headerBytes))
    this.#leftTag = tag
    this.#leftBytes = total - headerBytes
    return at + headerBytes
  }

  #piece(chunk: Uint8Array, at: number, frames: Frame[]): number {
    const end = Math.min(chunk.length, at + this.#leftBytes)
    this.#leftBytes -= end - at
    frames.push(new Cut(this.#leftTag, this.#leftBytes === 0 ? 'last' : 'middle', chunk, at, end))
    return end
  }

  /** Room doubles, up to the message's length: a peer that announces much and sends little holds little, and single bytes stay linear. */
  #keep(chunk: Uint8Array, start: number, end: number, total: number): void {
    const size = this.#heldBytes + end - start
    if (size > this.#held.length) {
      const room = new Uint8Array(Math.max(size, Math.min(total, 2 * size)))
      room.set(this.#held.subarray(0, this.#heldBytes))
      this.#held = room
    }
    this.#held.set(chunk.subarray(start, end), this.#heldBytes)
    this.#heldBytes = size
  }

  #handOver(): Uint8Array {
    const held = this.#held
    this.#held = nothing
    this.#heldBytes = 0
    return held
  }

  #isSplit(rule: LengthRule, total: number): boolean {
    return rule.holds === 'stream' && total > this.#maxBufferedBytes
  }

  #ruleOf(tag: number): LengthRule {
    return this.#rules.get(tag) ?? this.#break(`unknown ${this.#side} message type 0x${tag.toString(16).padStart(2, '0')}`)
  }

  /** @returns the length of the whole message, tag included */
  #totalOf(tag: number, rule: LengthRule, bytes: Uint8Array, at: number): number {
    const length = lengthAt(bytes, at + 1)
    const max = rule.holds === 'values' ? Math.min(rule.max, this.#maxValuesBytes) : rule.max
    if (length < rule.min || length > max) {
      const wanted = rule.min === max ? `${max}` : `${rule.min} to ${max}`
      return this.#break(`${rule.name} message (${String.fromCharCode(tag)}) has length ${length}, not ${wanted}`)
    }
    return length + 1
  }

  #break(message: string): never {
    this.#violation = new ProtocolViolation(message)
    this.#handOver()
    throw this.#violation
  }
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24 | (bytes[at + 1] ?? 0) << 16 | (bytes[at + 2] ?? 0) << 8 | (bytes[at + 3] ?? 0)) >>> 0
}
