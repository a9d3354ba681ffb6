// What goes to the client, in order: parts once they are on record, everything else behind what came before it.
import type { Duplex } from 'node:stream'
import type { MaskedPart, Permit, RecordedPart } from '../../../call.ts'
import { splitRows } from '../../../mask/index.ts'
import type { Backlog } from './backlog.ts'
import { drained } from './drained.ts'
import { giveBack, leastGivenBack } from './memory.ts'
import type { Out } from './out.ts'
import type { PostgresOperation } from '../operation.ts'

type Part = readonly [Permit<PostgresOperation>, MaskedPart]
type Deliver = (parts: readonly Part[]) => Promise<RecordedPart[]>

export class Outlet {
  readonly #socket: Duplex
  readonly #deliver: Deliver
  readonly #failed: (error: unknown) => void
  readonly #backlog: Backlog
  #tail: Promise<void> | undefined
  #waiting = 0
  /** Not through yet. */
  #sent = 0
  #hasFailed = false

  /** @param failed a part could not be recorded, so nothing more may go out. @param backlog what waits in all sessions */
  constructor(socket: Duplex, deliver: Deliver, failed: (error: unknown) => void, backlog: Backlog) {
    this.#socket = socket
    this.#deliver = deliver
    this.#backlog = backlog
    this.#failed = (error) => { this.#hasFailed = true; failed(error) }
  }

  /** The source is not read beyond it. */
  get isFull(): boolean { return this.#waiting > this.#backlog.windowBytes || this.#socket.writableNeedDrain }

  /** Resolves when the socket takes more, and all that was sent before is with it. */
  get drained(): Promise<void> { return this.#drain() }

  async #drain(): Promise<void> {
    while (this.#tail !== undefined) await this.#tail
    if (this.#socket.writableNeedDrain && !this.#socket.destroyed) await drained(this.#socket)
  }

  /** All parts of one read are recorded by one commit. */
  send(items: readonly Out[]): void {
    if (items.length === 0) return
    const parts: Part[] = []
    /** Where what the record keeps of a part needs several frames, all of it leaves with the last. */
    const ends: number[] = []
    let size = 0
    let hasLater = false
    for (const item of items) {
      if (item.kind === 'bytes') size += item.bytes.length
      else if (item.kind === 'part') {
        for (const piece of splitRows(item.part)) parts.push([item.permit, piece])
        ends.push(parts.length - 1)
        size += item.part.bytes.length
      } else {
        // Whoever awaits it may fail before: nobody may find it rejected with nobody there.
        item.bytes.catch(() => undefined)
        hasLater = true
        size += item.size
      }
    }
    if (parts.length === 0 && !hasLater && this.#tail === undefined) return this.#write(items, [], [], [])
    this.#waiting += size
    this.#backlog.add(size)
    this.#sent++
    this.#tail = this.#follow(this.#tail, parts.length === 0 ? undefined : this.#deliver(parts), items, ends, size)
  }

  /** Never rejects. One behind the other, so that the last to end is the last that was sent. */
  async #follow(before: Promise<void> | undefined, recorded: Promise<RecordedPart[]> | undefined, items: readonly Out[], ends: readonly number[], size: number): Promise<void> {
    try {
      if (before !== undefined) {
        recorded?.catch(() => undefined)                    // told below, in its turn
        await before
      }
      const parts = recorded === undefined ? [] : await recorded
      const later: Uint8Array[] = []
      for (const item of items) if (item.kind === 'later') later.push(await item.bytes)
      this.#write(items, parts, ends, later)
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#waiting -= size
      this.#backlog.remove(size)
      if (--this.#sent === 0) this.#tail = undefined
    }
  }

  #write(items: readonly Out[], recorded: readonly RecordedPart[], ends: readonly number[], later: readonly Uint8Array[]): void {
    const pieces: Uint8Array[] = []
    let part = 0
    let late = 0
    for (const item of items) {
      const bytes = item.kind === 'bytes' ? item.bytes : item.kind === 'later' ? later[late++] : recorded[ends[part++] ?? -1]?.bytes
      if (bytes !== undefined && bytes.length > 0) pieces.push(bytes)
    }
    const [only] = pieces
    if (only !== undefined && !this.#hasFailed && !this.#socket.destroyed) {
      const bytes = pieces.length === 1 ? only : Buffer.concat(pieces)
      if (bytes.length < leastGivenBack) this.#socket.write(bytes)
      else this.#socket.write(bytes, () => giveBack(bytes))
    }
    for (const item of items) {
      if (item.kind === 'part' && item.part.summary.isFinal) item.act.settle()
      else if (item.kind === 'bytes') item.act?.settle()
    }
  }
}
