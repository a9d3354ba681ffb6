// How a message leaves: forwarded under its permit, as control, or as the poison that stands for what was refused. Whatever leaves has its reply due.
import { refusal } from '../../../refusal.ts'
import type { PostgresUpstream } from '../dial.ts'
import { ProtocolViolation } from '../messages.ts'
import { poison } from '../refuse.ts'
import type { Act } from './act.ts'
import type { Step } from './draft.ts'
import { drained } from './drained.ts'
import { isDescribed, undoOfClose, type Due, type Prepared, type SessionState } from './state.ts'

const nothing = new Uint8Array(0)
/** Of a question whose answer nobody is told. */
const unseen = { row: () => undefined, failed: () => undefined }

export class Departures {
  readonly #state: SessionState
  readonly #upstream: PostgresUpstream
  /** Ends the statement under way. */
  readonly #cancel: () => Promise<void>

  constructor(state: SessionState, upstream: PostgresUpstream, cancel: () => Promise<void>) {
    this.#state = state
    this.#upstream = upstream
    this.#cancel = cancel
  }

  forward(step: Step): void {
    const state = this.#state
    const upstream = this.#upstream
    const { act, due } = step
    if (step.kind === 'sync') {
      state.isSkipping = false
      state.isUnsynced = false
    } else if (step.isExtended) state.isUnsynced = true
    if (act?.permit !== undefined) {
      // Rows that were never described could not be masked: the gateway asks for what the client did not.
      const { portal } = step
      if (step.kind === 'execute' && portal !== undefined && !isDescribed(portal) && act.permit.call.decision.mask.length > 0) {
        upstream.control({ kind: 'describe', of: 'P', name: portal.name })
        portal.isDescribing = true
        state.expect({ reply: 'describe', act, portal, own: unseen, undo: () => { portal.isDescribing = false } })
      }
      act.stream ??= upstream.forward(act.permit)
      act.stream.write(step.bytes)
      this.#time(act)
    } else if (step.control !== undefined) {
      if (step.kind === 'describe') expectFields(due)
      upstream.control(step.control)
    } else throw new ProtocolViolation('a message without a permit')
    if (due !== undefined) state.expect(due)
    if (step.kind === 'query' || step.kind === 'functionCall') state.expect({ reply: 'ready' })
  }

  /** Policy's time for a statement runs from when it leaves. */
  #time(act: Act): void {
    const limitMs = act.permit?.call.decision.limits.timeout_ms
    if (limitMs === undefined || act.timer !== undefined) return
    const check = (): void => {
      if (act.hasEnded) return
      act.timer = setTimeout(check, limitMs).unref()
      // One that waits behind another is asked about again: a cancel now would end that other.
      if (this.#state.current !== act) return
      act.overdue = refusal('policy.limit', `The statement took longer than policy allows (${limitMs} ms)`)
      this.#cancel().catch(() => undefined)
    }
    act.timer = setTimeout(check, limitMs).unref()
  }

  /** @param error what the client gets for the server's own */
  poison(step: Step, error: Uint8Array): void {
    const state = this.#state
    if (step.poison === undefined) throw new ProtocolViolation('a message that cannot be refused')
    this.#upstream.control({ kind: 'poison', bytes: step.poison() })
    const undo = step.kind === 'parse' && step.due?.prepared?.name === '' ? loseUnnamed(state, step.due.prepared) : undefined
    step.due?.undo?.()
    if (step.isExtended) state.isUnsynced = true
    // What has begun ends with its portal.
    state.expect({ reply: 'poison', act: step.act?.stream === undefined ? step.act : undefined, error, isExtended: step.isExtended, ...undo === undefined ? {} : { undo } })
    if (!step.isExtended) state.expect({ reply: 'ready' })
  }

  /** The client was told of an error where the server saw none: its transaction must be one that failed. */
  async fail({ isExtended }: Step): Promise<void> {
    const state = this.#state
    if (isExtended) {
      this.#upstream.control({ kind: 'poison', bytes: poison.parse('') })
      state.expect({ reply: 'poison', error: nothing, isExtended: true })
    } else if (state.status === 'T') {
      this.#upstream.control({ kind: 'poison', bytes: poison.query() })
      state.expect({ reply: 'poison', error: nothing, isExtended: false })
      state.expect({ reply: 'ready', own: unseen })
    }
    await this.flush()
    await state.settled()
  }

  /** One write; resolves when the server takes more, if it takes none now. */
  flush(): Promise<void> | undefined {
    return this.#upstream.flush() ? undefined : drained(this.#upstream.socket)
  }
}

/** A Parse that fails takes the unnamed statement before it along. @returns what gives it back, where the server skips the poison for an earlier error's sake */
function loseUnnamed({ prepared }: SessionState, parsed: Prepared): () => void {
  const { before } = parsed
  parsed.before = undefined
  return undoOfClose(prepared, before)
}

function expectFields(due: Due | undefined): void {
  if (due?.portal !== undefined) due.portal.isDescribing = true
  if (due?.prepared !== undefined) due.prepared.isDescribing = true
}
