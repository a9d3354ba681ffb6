// The client's bytes, read ahead while a statement waits: an end of the stream, or a wish to cancel, is seen at once. Bounded.
import type { Socket } from 'node:net'

/** Read ahead of what is worked on; the socket rests beyond it. */
const maxAheadBytes = 1024 * 1024
/** Worked on at once: a client that is to hear of an error must not have to wait until all that it has sent is decided. */
const maxReadBytes = 128 * 1024

export class Inbox {
  readonly #socket: Socket
  #chunks: Uint8Array[] = []
  #bytes = 0
  #hasEnded = false
  #waiting: ((chunks: readonly Uint8Array[] | undefined) => void) | undefined

  /** @param ended the client is gone, or says no more; told once, even while chunks wait */
  constructor(socket: Socket, ended: () => void) {
    this.#socket = socket
    socket.on('data', (chunk: Uint8Array) => {
      this.#chunks.push(chunk)
      this.#bytes += chunk.length
      if (this.#bytes > maxAheadBytes) socket.pause()
      this.#wake()
    })
    const end = () => {
      if (this.#hasEnded) return
      this.#hasEnded = true
      ended()
      this.#wake()
    }
    socket.once('end', end)
    socket.once('close', end)
    // It may have gone while it was being let in.
    if (socket.destroyed || socket.readableEnded) queueMicrotask(end)
    socket.resume()
  }

  /** What has come, up to a read's worth, or the next that comes; undefined at the end. While more waits, whatever the server has answered meanwhile goes first. */
  next(): Promise<readonly Uint8Array[] | undefined> | readonly Uint8Array[] | undefined {
    if (this.#chunks.length === 0) return this.#hasEnded ? undefined : new Promise((resolve) => { this.#waiting = resolve })
    if (this.#bytes > maxReadBytes) return new Promise((resolve) => { setImmediate(() => resolve(this.#take())) })
    return this.#take()
  }

  /** For whoever waits; what it is, is looked at once. */
  #wake(): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    this.#waiting = undefined
    waiting(this.#chunks.length === 0 ? undefined : this.#take())
  }

  #take(): readonly Uint8Array[] {
    let chunks = this.#chunks
    if (this.#bytes > maxReadBytes) {
      let bytes = 0
      let count = 0
      for (const { length } of chunks) {
        if (count > 0 && bytes + length > maxReadBytes) break
        bytes += length
        count++
      }
      chunks = this.#chunks.splice(0, count)
      this.#bytes -= bytes
    } else {
      this.#chunks = []
      this.#bytes = 0
    }
    if (this.#socket.isPaused()) this.#socket.resume()
    return chunks
  }
}
