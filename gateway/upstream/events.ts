// Server-sent events from an upstream: WHATWG HTML §9.2.5 and §9.2.6, strict where a stream could hide something.
import type { AnswerSource, ServerEvent } from '../protocol.ts'
import { refusal, RefusalError } from '../refusal.ts'

/** Bytes of one event: past it the stream is cut, because an event that is not whole cannot be masked. */
export const maxEventBytes = 1024 * 1024

/** Cuts bytes into events; holds what is not whole yet. One per stream. A last block without its blank line is never an event. */
export class EventParser {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
  #text = ''
  /** Characters of the open event's lines. */
  #held = 0
  #isAfterCr = false
  #data: string[] | undefined
  #event: string | undefined
  #id: string | undefined
  #retry: string | undefined
  #hasField = false

  /** @throws RefusalError `upstream.broken` for bytes that are not UTF-8, `upstream.too_large` for an event past the maximum */
  push(bytes: Uint8Array): ServerEvent[] {
    const events: ServerEvent[] = []
    const fresh = this.#decode(bytes)
    let start = 0
    for (let at = 0; at < fresh.length; at++) {
      const unit = fresh.charCodeAt(at)
      if (unit === 0x0a && this.#isAfterCr) { this.#isAfterCr = false; start = at + 1; continue }   // CRLF is one line end, even in two reads
      this.#isAfterCr = unit === 0x0d
      if (unit !== 0x0a && unit !== 0x0d) continue
      const line = this.#text + fresh.slice(start, at)
      this.#text = ''
      start = at + 1
      this.#line(line, events)
    }
    this.#text += fresh.slice(start)
    if (this.#held + this.#text.length > maxEventBytes) throw new RefusalError(refusal('upstream.too_large', 'An event of the stream is larger than allowed'))
    return events
  }

  #decode(bytes: Uint8Array): string {
    try {
      return this.#decoder.decode(bytes, { stream: true })
    } catch (cause) {
      throw new RefusalError(refusal('upstream.broken', 'The event stream is not UTF-8'), cause)
    }
  }

  #line(line: string, events: ServerEvent[]): void {
    if (line === '') { this.#flush(events); return }
    const colon = line.indexOf(':')
    if (colon === 0) {
      events.push({ data: undefined, event: undefined, id: undefined, retry: undefined, comment: line.slice(1) })
      return
    }
    const name = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(line.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1)
    this.#hasField = true
    this.#held += line.length
    if (name === 'data') (this.#data ??= []).push(value)
    else if (name === 'event') this.#event = value
    else if (name === 'id') this.#id = value.includes('\0') ? undefined : value
    else if (name === 'retry') this.#retry = /^\d{1,9}$/.test(value) ? value : undefined
    // Any other field is ignored by every reader, so it goes no further: it could carry what masks did not see.
  }

  #flush(events: ServerEvent[]): void {
    if (!this.#hasField) return
    events.push({ data: this.#data?.join('\n'), event: this.#event, id: this.#id, retry: this.#retry, comment: undefined })
    this.#data = this.#event = this.#id = this.#retry = undefined
    this.#hasField = false
    this.#held = 0
  }
}

/** Events of one answer, one read at a time. */
export class EventSource implements AnswerSource<readonly ServerEvent[]> {
  readonly #bytes: AnswerSource<Uint8Array>
  readonly #parser = new EventParser()

  constructor(bytes: AnswerSource<Uint8Array>) {
    this.#bytes = bytes
  }

  async read(): Promise<readonly ServerEvent[] | null> {
    for (;;) {
      const chunk = await this.#bytes.read()
      if (chunk === null) return null
      const events = this.#parser.push(chunk)
      if (events.length > 0) return events
    }
  }

  cancel(): void { this.#bytes.cancel() }
}
