// Keeps a sealer running beside the recorder: starts it, tells it durable places, restarts it when it dies, and knows how far behind it is.
import { EvidenceError, type EvidenceErrorCode } from '../errors.ts'
import type { Recovered, Sealed, Sealer, SealerConfig, SealerMessage, StartSealer } from '../seal/protocol.ts'
import type { Lag } from './admission.ts'
import type { Place } from './segments.ts'

const firstBackOffMs = 100
const longestBackOffMs = 10_000

/** A cut that is not sealed yet. */
interface Unsealed { readonly epoch: number, readonly number: number, readonly writtenBytes: number, readonly time: number }

export interface SealingOptions {
  readonly config: SealerConfig
  readonly start: StartSealer
  readonly now: () => number
  readonly maxUnsealedBytes: number
  readonly maxUnsealedMs: number
  /** Bytes written to the journal so far in this epoch. */
  readonly writtenBytes: () => number
  readonly segmentDone: (segment: number) => void
}

export class Sealing implements Lag {
  readonly #options: SealingOptions
  #sealer: Sealer | undefined
  #place: Place = { segment: 0, offset: 0 }
  #restart: NodeJS.Timeout | undefined
  #backOffMs = firstBackOffMs
  #isEnding = false
  #unsealed: Unsealed[] = []
  #sealedBytes = 0
  #lastSealed: Sealed | undefined
  #lastFault: string | undefined
  readonly #recovered = Promise.withResolvers<Recovered>()
  readonly #ended = Promise.withResolvers<void>()
  #waiters: { readonly epoch: number, readonly number: number, readonly done: () => void }[] = []

  constructor(options: SealingOptions) {
    this.#options = options
  }

  /** Starts the first run; resolves with what the sealer knows once all up to `place` is sealed. */
  start(place: Place): Promise<Recovered> {
    this.#place = place
    this.#run()
    return this.#recovered.promise
  }

  get lastSealed(): Sealed | undefined { return this.#lastSealed }
  /** Why the last run of the sealer ended, when none runs. */
  get lastFault(): string | undefined { return this.#lastFault }
  get unsealedBytes(): number { return this.#options.writtenBytes() - this.#sealedBytes }
  /** Time of the oldest cut that is not sealed, ms. */
  get unsealedSince(): number | undefined { return this.#unsealed[0]?.time }

  get isLagging(): boolean {
    const oldest = this.#unsealed[0]
    if (oldest === undefined) return false
    return this.unsealedBytes > this.#options.maxUnsealedBytes || this.#options.now() - oldest.time > this.#options.maxUnsealedMs
  }

  /** A cut is on the disk, behind `place`. */
  cut(cut: Unsealed, place: Place): void {
    this.#unsealed.push(cut)
    this.#place = place
    this.#sealer?.durable(place.segment, place.offset)
  }

  /** Resolves once that batch is sealed. */
  sealed(epoch: number, number: number): Promise<void> {
    if (!this.#unsealed.some((cut) => cut.epoch === epoch && cut.number === number)) return Promise.resolve()
    return new Promise((done) => { this.#waiters.push({ epoch, number, done }) })
  }

  /** Lets the sealer finish what it knows, and resolves when it is gone. */
  async end(): Promise<void> {
    this.#isEnding = true
    clearTimeout(this.#restart)
    if (this.#sealer === undefined) return
    this.#sealer.end()
    await this.#ended.promise
  }

  #run(): void {
    const sealer = this.#options.start(this.#options.config, {
      message: (message) => { this.#hear(message) },
      exited: (reason) => { this.#exited(reason) },
    })
    this.#sealer = sealer
    sealer.durable(this.#place.segment, this.#place.offset)
  }

  #hear(message: SealerMessage): void {
    if ('segment_done' in message) this.#options.segmentDone(message.segment_done)
    else if ('recovered' in message) {
      this.#backOffMs = firstBackOffMs
      this.#recovered.resolve(message.recovered)
      const { epoch, nextBatch } = message.recovered
      // Batches whose `sealed` the dead run could not say any more.
      if (epoch !== null) this.#settle(epoch, nextBatch - 1)
    } else {
      this.#lastSealed = message.sealed
      this.#settle(message.sealed.epoch, message.sealed.number)
    }
  }

  #settle(epoch: number, number: number): void {
    const isBehind = (cut: { readonly epoch: number, readonly number: number }): boolean => cut.epoch < epoch || (cut.epoch === epoch && cut.number <= number)
    for (const cut of this.#unsealed.filter(isBehind)) this.#sealedBytes = cut.writtenBytes
    this.#unsealed = this.#unsealed.filter((cut) => !isBehind(cut))
    for (const waiter of this.#waiters.filter(isBehind)) waiter.done()
    this.#waiters = this.#waiters.filter((waiter) => !isBehind(waiter))
  }

  #exited(reason: string): void {
    this.#sealer = undefined
    this.#lastFault = reason
    if (this.#isEnding) {
      this.#ended.resolve()
      return
    }
    const refused = refusalIn(reason)
    if (refused !== undefined) this.#recovered.reject(refused)
    this.#restart = setTimeout(() => { this.#run() }, this.#backOffMs)
    this.#backOffMs = Math.min(this.#backOffMs * 2, longestBackOffMs)
  }
}

/** What no later run would find otherwise: a record that is older than what was signed, that is another's, or that is damaged. */
const lasting: ReadonlySet<string> = new Set<EvidenceErrorCode>(['ERR_EVIDENCE_BEHIND', 'ERR_EVIDENCE_FORK', 'ERR_EVIDENCE_CORRUPT'])

function refusalIn(reason: string): EvidenceError | undefined {
  const [, code = '', message = ''] = /^exit 1: (ERR_EVIDENCE_[A-Z]+): (.*)$/s.exec(reason) ?? []
  return lasting.has(code) ? new EvidenceError(code as EvidenceErrorCode, message) : undefined
}

/** @throws EvidenceError `ERR_EVIDENCE_SEALER` when it is not there within the time */
export async function within<T>(promise: Promise<T>, ms: number, what: string, why: () => string | undefined): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    const reason = why()
    late.reject(new EvidenceError('ERR_EVIDENCE_SEALER', `${what} within ${ms} ms${reason === undefined ? '' : ` (${reason})`}`))
  }, ms)
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
