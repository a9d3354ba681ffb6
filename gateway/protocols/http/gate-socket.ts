// The socket of a WebSocket upgrade, between the caller and http-proxy-3: each chunk is on record before it is written, in either direction.
import { Duplex } from 'node:stream'
import type { Permit } from '../../call.ts'
import type { MaskPlan } from '../../mask/index.ts'
import type { HttpGate } from './gate.ts'
import { opaquePart } from './mask.ts'
import type { HttpOperation } from './messages.ts'

/** The caller's socket as the proxy sees it: what is read was recorded, what is written is recorded before it leaves. */
export class GateSocket extends Duplex {
  readonly #socket: Duplex
  readonly #gate: HttpGate
  readonly #permit: Permit<HttpOperation>
  readonly #plan: MaskPlan
  #isRecording = false
  #hasEnded = false
  #hasWritten = false

  constructor(socket: Duplex, gate: HttpGate, permit: Permit<HttpOperation>, plan: MaskPlan) {
    super({ allowHalfOpen: false })
    this.#socket = socket
    this.#gate = gate
    this.#permit = permit
    this.#plan = plan
    socket.on('data', (chunk: Uint8Array) => { void this.#upload(chunk) })
    socket.on('end', () => this.#end())
    socket.on('close', () => { this.destroy() })
    socket.pause()
  }

  // What http-proxy-3 asks of a socket besides being a stream. Time-outs and delays were set on the real one.
  setTimeout(): this { return this }
  setNoDelay(): this { return this }
  setKeepAlive(): this { return this }
  /** Before the first byte the socket is left to whoever refuses the upgrade on it. */
  destroySoon(): void {
    if (!this.#hasWritten) return
    if (this.writableEnded) this.destroy(); else this.end(() => this.destroy())
  }

  override _read(): void { if (!this.#isRecording) this.#socket.resume() }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#hasWritten = true
    this.#gate.deliver([[this.#permit, opaquePart(chunk, this.#plan)]]).then(([part]) => {
      if (part === undefined) done(new Error('nothing was recorded'))
      else this.#socket.write(part.bytes, done)
    }, done)
  }

  override _final(done: (error?: Error | null) => void): void { this.#socket.end(done) }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }

  async #upload(chunk: Uint8Array): Promise<void> {
    this.#isRecording = true
    this.#socket.pause()
    try {
      const { bytes } = await this.#gate.upload(this.#permit, chunk, false)
      this.#isRecording = false
      if (this.push(bytes)) this.#socket.resume()
      if (this.#hasEnded) this.push(null)
    } catch (cause) {
      this.destroy(cause instanceof Error ? cause : undefined)
    }
  }

  #end(): void {
    this.#hasEnded = true
    if (!this.#isRecording) this.push(null)
  }
}
