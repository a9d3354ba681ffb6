// Refusals before a session exists. Strangers are aggregated per source, reason, target and second with a cap, so that junk cannot buy disk;
// a caller whose token was good but who may not come in (off-boarded) is known, and gets a frame of its own kind each second.
import { frameKind } from '../../evidence/index.ts'
import type { Recorder } from '../../evidence/index.ts'
import type { PeerAddress } from '../call.ts'
import type { Refusal } from '../refusal.ts'

/** Sources named per window; what exceeds it is counted under one source, `others`. */
export const maxSources = 16

interface Tally { readonly source: string; readonly code: string; readonly subject: string | undefined; readonly target: string; readonly first: number; count: number }

export class Unauthenticated {
  readonly #recorder: Recorder
  readonly #now: () => number
  /** By subject or source, code and target, of which config has few; emptied by each flush. */
  readonly #tallies = new Map<string, Tally>()

  constructor(recorder: Recorder, now: () => number) {
    this.#recorder = recorder
    this.#now = now
  }

  /** `target` is which one was asked for; nothing else that the client sent is kept. */
  count({ code, subject }: Refusal, from: PeerAddress, target: string): void {
    const known = `${subject ?? from.ip}\n${code}\n${target}`
    const isNamed = subject !== undefined || this.#tallies.has(known) || this.#tallies.size < maxSources
    const key = isNamed ? known : `others\n${code}\n${target}`
    const tally = this.#tallies.get(key)
    if (tally === undefined) this.#tallies.set(key, { source: isNamed ? from.ip : 'others', code, subject, target, first: this.#now(), count: 1 })
    else tally.count++
  }

  /** @throws EvidenceError when the recorder refuses; what is not on record stays counted */
  async flush(): Promise<void> {
    const flushed = [...this.#tallies].map(([key, tally]) => ({ key, tally, count: tally.count }))
    if (flushed.length === 0) return
    for (const { tally: { source, code, subject, target, first }, count } of flushed) {
      const about = { event: subject === undefined ? 'unauthenticated' : 'refused', source, code, target, count, first: new Date(first).toISOString(), ...(subject === undefined ? {} : { subject }) }
      this.#recorder.node.append({ kind: frameKind.unauthenticated, time: this.#now(), structure: new Map([[1, count]]), request: Buffer.from(JSON.stringify(about)) })
    }
    await this.#recorder.commit('bounded')
    for (const { key, tally, count } of flushed) {
      tally.count -= count
      if (tally.count === 0) this.#tallies.delete(key)
    }
  }
}
