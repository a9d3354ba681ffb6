// What the server's messages become, in their order: parts of acts, each as long as the act goes on, and messages that stand between them.
import type { PartSummary } from '../../../call.ts'
import type { Act } from './act.ts'
import { ProtocolViolation } from '../messages.ts'
import type { Out } from './out.ts'

const piece: PartSummary = { title: 'rows', status: 'delivered', isFinal: false }

export class Delivery {
  #out: Out[] = []
  /** Whose part is being filled. */
  #current: Act | undefined

  /** All since the last time. */
  take(): Out[] {
    this.#flush()
    const out = this.#out
    this.#out = []
    return out
  }

  /** The masker that fills the act's part. @throws ProtocolViolation where it has none: nobody permitted it */
  for(act: Act): NonNullable<Act['masker']> {
    if (this.#current !== act) this.#flush()
    this.#current = act
    if (act.masker === undefined) throw new ProtocolViolation('the server answered what was never permitted')
    return act.masker
  }

  finish(act: Act, summary: PartSummary): void {
    if (this.#current !== act) this.#flush()
    this.#current = undefined
    const taken = act.take(summary)
    if (taken !== undefined) this.#out.push({ kind: 'part', act, permit: taken[0], part: taken[1] })
    else act.settle()
  }

  /** A message that is in no part. */
  between(out: Out): void {
    this.#flush()
    this.#out.push(out)
  }

  #flush(): void {
    const act = this.#current
    this.#current = undefined
    if (act?.masker === undefined || act.masker.isEmpty) return
    const taken = act.take(piece)
    if (taken !== undefined) this.#out.push({ kind: 'part', act, permit: taken[0], part: taken[1] })
  }
}
