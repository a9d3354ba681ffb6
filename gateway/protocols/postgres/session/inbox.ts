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
  #wake: (() => void) | undefined

  /** @param ended the client is gone, or says no more; told once, even while chunks wait */
  constructor(socket: Socket, ended: () => void) {
    this.#socket = socket
    socket.on('data', (chunk: Uint8Array) => {
      this.#chunks.push(chunk)
      this.#bytes += chunk.length
      if (this.#bytes > maxAheadBytes) socket.pause()
      this.#wake?.()
    })
    const end = () => {
      if (this.#hasEnded) return
      this.#hasEnded = true
      ended()
      this.#wake?.()
    }
    socket.once('end', end)
    socket.once('close', end)
    // It may have gone while it was being let in.
    if (socket.destroyed || socket.readableEnded) queueMicrotask(end)
    socket.resume()
  }

  /** What has come, up to a read's worth, or the next that comes; undefined at the end. While more waits, whatever the server has answered meanwhile goes first. */
  async next(): Promise<readonly Uint8Array[] | undefined> {
    if (this.#chunks.length === 0) {
      if (this.#hasEnded) return undefined
      await new Promise<void>((resolve) => { this.#wake = resolve })
      this.#wake = undefined
      if (this.#chunks.length === 0) return undefined
    } else if (this.#bytes > maxReadBytes) await new Promise((resolve) => { setImmediate(resolve) })
    let bytes = 0
    let count = 0
    for (const { length } of this.#chunks) {
      if (count > 0 && bytes + length > maxReadBytes) break
      bytes += length
      count++
    }
    const chunks = this.#chunks.splice(0, count)
    this.#bytes -= bytes
    if (this.#socket.isPaused()) this.#socket.resume()
    return chunks
  }
}
