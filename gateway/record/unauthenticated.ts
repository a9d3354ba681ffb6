// Refusals before authentication, aggregated per source, reason and second with a cap, so that junk cannot buy disk.
import { frameKind } from '../../evidence/index.ts'
import type { Recorder } from '../../evidence/index.ts'
import type { PeerAddress } from '../call.ts'
import type { RefusalCode } from '../refusal.ts'

export const windowMs = 1_000
/** Sources named per window; what exceeds it is counted under one source, `others`. */
export const maxSources = 16

interface Tally { readonly source: string; readonly code: RefusalCode; readonly first: number; readonly sample: string; count: number }

export class Unauthenticated {
  readonly #recorder: Recorder
  readonly #now: () => number
  #tallies = new Map<string, Tally>()

  constructor(recorder: Recorder, now: () => number) {
    this.#recorder = recorder
    this.#now = now
  }

  /** `sample` says which target was asked for; never anything the client sent. */
  count(code: RefusalCode, from: PeerAddress, sample: string): void {
    const source = this.#tallies.has(`${from.ip}\n${code}`) || this.#tallies.size < maxSources ? from.ip : 'others'
    const key = `${source}\n${code}`
    const tally = this.#tallies.get(key)
    if (tally === undefined) this.#tallies.set(key, { source, code, first: this.#now(), sample, count: 1 })
    else tally.count++
  }

  /** Called once per window by the composition root, and on stop. */
  flush(): void {
    if (this.#tallies.size === 0) return
    const tallies = this.#tallies
    this.#tallies = new Map()
    for (const { source, code, first, sample, count } of tallies.values()) {
      this.#recorder.node.append({
        kind: frameKind.unauthenticated, time: this.#now(), structure: new Map([[1, count]]),
        request: Buffer.from(JSON.stringify({ event: 'unauthenticated', source, code, target: sample, count, first: new Date(first).toISOString() })),
      })
    }
  }
}
